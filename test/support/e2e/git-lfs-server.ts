import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import type { ToolServer } from '../proxy/tool-server.ts';
import { startGitServer } from './git-server.ts';

interface Batch {
  readonly operation: 'download' | 'upload';
  readonly objects: readonly { readonly oid: string; readonly size: number }[];
}

/** A Git server that also has the API of Git LFS (batch requests and basic transfers), without locks. */
export class GitLfsServer {
  readonly tool: ToolServer;
  /** Contents of the large files, by SHA-256. */
  readonly objects = new Map<string, string>();

  private constructor(tool: ToolServer, host: string, authorization: string) {
    this.tool = tool;
    const git = tool.answer;
    tool.answer = (request, response, seen) => {
      const { url = '', headers } = request;
      if (!url.includes('/info/lfs/') && !url.startsWith('/objects/')) git(request, response, seen);
      else if (headers.authorization !== authorization) response.writeHead(401, { 'WWW-Authenticate': 'Basic' }).end();
      else void this.#answer(request, response, host).catch(() => response.destroy());
    };
  }

  static async start(directory: string, host: string, login: string): Promise<GitLfsServer> {
    const authorization = `Basic ${Buffer.from(login).toString('base64')}`;
    return new GitLfsServer(await startGitServer(directory, host, login), host, authorization);
  }

  async #answer(request: IncomingMessage, response: ServerResponse, host: string): Promise<void> {
    const { method, url = '' } = request;
    const body = await text(request);
    const oid = url.split('/').pop() ?? '';
    if (url.endsWith('/info/lfs/objects/batch')) {
      const { operation, objects } = JSON.parse(body) as Batch;
      const action = ({ oid }: { readonly oid: string }): object => ({
        [operation]: { href: `${this.tool.url(host)}/objects/${oid}` },
      });
      const answers = objects.map((object) => ({ ...object, actions: action(object) }));
      response.writeHead(200, { 'Content-Type': 'application/vnd.git-lfs+json' });
      response.end(JSON.stringify({ transfer: 'basic', objects: answers }));
    } else if (method === 'PUT') {
      this.objects.set(oid, body);
      response.end();
    } else {
      const found = this.objects.get(oid);
      response.writeHead(found === undefined ? 404 : 200).end(found ?? '');
    }
  }
}
