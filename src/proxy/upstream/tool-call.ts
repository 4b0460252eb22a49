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

/** Schemes that authenticate the connection, not the request: the next request on it would have the same user. */
const connectionSchemes = /^\s*(ntlm|negotiate|kerberos|nego2)\b/i;

/**
 * Reports whether a header has a scheme that authenticates the connection.
 * @param name in lower case.
 */
export function hasConnectionScheme(rawHeaders: readonly string[], name: string): boolean {
  return valuesOf(rawHeaders, name).some((value) => value.split(',').some((each) => connectionSchemes.test(each)));
}

/** One request to a tool with its response. Its owner must call `end` in every case. */
export class ToolCall {
  readonly #client: ToolClient;
  readonly #toolRequest: ToolRequest;
  readonly request: ClientRequest;
  #response: IncomingMessage | undefined;
  #hasSwitched = false;

  /** Opens the request without sending its body. @throws {ProxyError} as `ToolClient.request`. */
  constructor(client: ToolClient, toolRequest: ToolRequest) {
    this.#client = client;
    this.#toolRequest = toolRequest;
    const isExclusive = hasConnectionScheme(toolRequest.headers, 'authorization');
    this.request = client.request({ ...toolRequest, isExclusive });
    // After the response, errors are reported by the response.
    this.request.on('error', () => undefined);
  }

  /**
   * Waits for the response headers.
   * @throws {ProxyError} 502 for an invalid response; the error of the connection.
   */
  response(): Promise<ToolResponse> {
    return new Promise((resolve, reject) => {
      this.request.on('error', reject);
      // Every request closes. The error, with its stack, is created only for those that close early.
      this.request.once('close', () => {
        if (this.#response === undefined) reject(new ConnectionClosed());
      });
      this.request.once('response', (message) => {
        // A response in the same read as the reason to close the connection.
        if (this.request.destroyed) return;
        this.#response = message;
        // Before any await, so that each chunk of the body is gathered.
        const body = new GatheredStream(message, this.#client.chunkRate);
        const problem = this.#problemWith(message);
        if (problem !== undefined) {
          // The end of such a response is uncertain, even if it looks complete.
          this.#client.closeAfterRequest(this.request);
          reject(new ProxyError(502, 'protocol', `${nameOf(this.#toolRequest.origin)} ${problem}`));
          return;
        }
        if (hasConnectionScheme(message.rawHeaders, 'www-authenticate')) this.#client.closeAfterRequest(this.request);
        resolve({ status: message.statusCode ?? 0, message, body });
      });
    });
  }

  /** Waits for a tool that switches protocols. Never rejects. The connection then belongs to the caller. */
  switched(): Promise<Switched> {
    return new Promise((resolve) => {
      this.request.once('upgrade', (message, socket, first) => {
        this.#hasSwitched = true;
        resolve({ message, socket, first });
      });
    });
  }

  /** Keeps the connection for later requests if request and response are complete, and closes it otherwise. */
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
