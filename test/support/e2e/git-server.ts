import { spawn } from 'node:child_process';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { ToolServer } from '../proxy/tool-server.ts';

/**
 * Git's smart HTTP behind TLS and a password: `git http-backend` over the repositories of a directory.
 * @param place where it listens; a free port of the usual address unless given.
 */
export async function startGitServer(
  directory: string,
  host: string,
  login: string,
  place: { readonly port: number; readonly address: string } = { port: 0, address: '127.0.0.1' },
): Promise<ToolServer> {
  const authorization = `Basic ${Buffer.from(login).toString('base64')}`;
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    if (request.headers.authorization === authorization) serveGit(directory, request, response);
    else response.writeHead(401, { 'WWW-Authenticate': 'Basic realm="git"' }).end();
  };
  const tool = new ToolServer('https', answer, [host]);
  await new Promise<void>((resolve) => tool.server.listen(place.port, place.address, resolve));
  return tool;
}

/** CGI (RFC 3875): the request in variables and on standard input, the answer with its headers on standard output. */
export function serveGit(directory: string, request: IncomingMessage, response: ServerResponse): void {
  const { method = '', url = '', headers } = request;
  const [pathInfo = '', query = ''] = url.split('?');
  const program = spawn('git', ['http-backend'], {
    stdio: ['pipe', 'pipe', 'ignore'],
    env: {
      PATH: process.env['PATH'],
      GIT_PROJECT_ROOT: directory,
      GIT_HTTP_EXPORT_ALL: '1',
      REMOTE_USER: 'robot',
      REQUEST_METHOD: method,
      PATH_INFO: pathInfo,
      QUERY_STRING: query,
      CONTENT_TYPE: headers['content-type'] ?? '',
      HTTP_CONTENT_ENCODING: headers['content-encoding'] ?? '',
      GIT_PROTOCOL: String(headers['git-protocol'] ?? ''),
      ...(headers['content-length'] === undefined ? {} : { CONTENT_LENGTH: headers['content-length'] }),
    },
  });
  program.stdin.on('error', () => undefined);
  request.pipe(program.stdin);
  let head = Buffer.alloc(0);
  const readHead = (chunk: Buffer): void => {
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf('\r\n\r\n');
    if (end === -1) return;
    program.stdout.off('data', readHead).pause();
    const fields = head.toString('latin1', 0, end).split('\r\n');
    for (const field of fields) {
      const [, name = '', value = ''] = /^([^:]+): *(.*)$/.exec(field) ?? [];
      if (name === 'Status') response.statusCode = Number.parseInt(value, 10);
      else if (name !== '') response.setHeader(name, value);
    }
    response.write(head.subarray(end + 4));
    program.stdout.pipe(response);
  };
  program.stdout.on('data', readHead).once('end', () => response.end());
}
