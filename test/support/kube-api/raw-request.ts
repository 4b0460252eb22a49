import { request } from 'node:https';
import type { KubeApi } from './kube-api.ts';

interface RawAnswer {
  readonly code: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

interface RawRequest {
  readonly method?: string;
  readonly path: string;
  readonly token?: string;
  readonly body?: unknown;
}

/** One request over HTTP/1.1 without any of the driver's client. Rejects when the exchange breaks. */
export function rawRequest(api: KubeApi, { method = 'GET', path, token, body }: RawRequest): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const call = request(
      `${api.url}${path}`,
      { method, headers, ca: api.authority.certificate, agent: false },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => (text += chunk));
        response.on('end', () => resolve({ code: response.statusCode ?? 0, headers: response.headers, text }));
        response.on('error', reject);
      },
    );
    call.on('error', reject);
    call.end(body === undefined ? undefined : JSON.stringify(body));
  });
}
