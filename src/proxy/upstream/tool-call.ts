import type { ClientRequest, IncomingMessage } from 'node:http';
import { ProxyError } from '../proxy-error.js';
import { GatheredStream } from './gathered-stream.js';
import { valuesOf } from './headers.js';
import type { ToolClient, ToolRequest } from './tool-client.js';
import { nameOf } from './tool-origin.js';
import type { Switched } from './upgrade.js';

/** A tool's response as it arrives. */
export interface ToolResponse {
  readonly status: number;
  readonly message: IncomingMessage;
  readonly body: GatheredStream;
}

/** Login schemes that authenticate the connection, not the request: the next request on it would be that of the same user. */
const connectionSchemes = /^\s*(ntlm|negotiate|kerberos|nego2)\b/i;

/** Whether a header has a login scheme that authenticates the connection. @param name in lower case. */
export function hasConnectionLogin(rawHeaders: readonly string[], name: string): boolean {
  return valuesOf(rawHeaders, name).some((value) => value.split(',').some((each) => connectionSchemes.test(each)));
}

/** One request to a tool with its response. Its owner must call `end`, whatever happens. */
export class ToolCall {
  readonly #client: ToolClient;
  readonly #toolRequest: ToolRequest;
  readonly request: ClientRequest;
  #response: IncomingMessage | undefined;
  #hasSwitched = false;

  /** Opens the request; nothing of a body is sent yet. @throws {ProxyError} as ToolClient's `request`. */
  constructor(client: ToolClient, toolRequest: ToolRequest) {
    this.#client = client;
    this.#toolRequest = toolRequest;
    const isExclusive = hasConnectionLogin(toolRequest.headers, 'authorization');
    this.request = client.request({ ...toolRequest, isExclusive });
    // An error after the response is told by the response.
    this.request.on('error', () => undefined);
  }

  /**
   * Waits for the headers of the response.
   * @throws {ProxyError} 502 for a response that is none; what the connection fails with.
   */
  response(): Promise<ToolResponse> {
    return new Promise((resolve, reject) => {
      this.request.on('error', reject);
      // Every request closes: an error, with its stack, is made for those alone that close early.
      this.request.once('close', () => {
        if (this.#response === undefined) reject(new ConnectionClosed());
      });
      this.request.once('response', (message) => {
        // What follows in one read with the reason to close the connection.
        if (this.request.destroyed) return;
        this.#response = message;
        // Before anything is awaited, so that no chunk of the body arrives while nothing gathers them.
        const body = new GatheredStream(message, this.#client.chunkRate);
        const problem = this.#problemWith(message);
        if (problem !== undefined) {
          // Where such a response ends is uncertain, also when it looks complete.
          this.#client.keepNoLonger(this.request);
          reject(new ProxyError(502, 'protocol', `${nameOf(this.#toolRequest.origin)} ${problem}`));
          return;
        }
        if (hasConnectionLogin(message.rawHeaders, 'www-authenticate')) this.#client.keepNoLonger(this.request);
        resolve({ status: message.statusCode ?? 0, message, body });
      });
    });
  }

  /** Waits for a tool that changes the protocol; never rejects. The connection is the caller's then. */
  switched(): Promise<Switched> {
    return new Promise((resolve) => {
      this.request.once('upgrade', (message, socket, first) => {
        this.#hasSwitched = true;
        resolve({ message, socket, first });
      });
    });
  }

  /** Leaves the connection to later requests if request and response are complete, and closes it otherwise. */
  end(): void {
    const isComplete = this.request.writableFinished && this.#response?.readableEnded === true;
    if (!isComplete && !this.#hasSwitched) this.request.destroy();
  }

  #problemWith(message: IncomingMessage): string | undefined {
    if ((message.statusCode ?? 0) < 200) return 'responds with a status that cannot be passed on';
    if (this.#client.hasTooManyHeaders(message)) return 'responds with too many headers';
    return undefined;
  }
}

class ConnectionClosed extends Error {
  override readonly name = 'ConnectionClosed';
}
