import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import fc from 'fast-check';
import { ProxyError } from '../../../src/proxy/proxy-error.ts';
import { endToEnd } from '../../../src/proxy/tool/headers.ts';
import { framingHeaders, framingOf } from '../../../src/proxy/tool/request-body.ts';
import { allows } from './allowed.ts';
import { target } from './fuzz-run.ts';
import { mutatedText } from './mutations.ts';

const names = ['Connection', 'Proxy-Authorization', 'Transfer-Encoding', 'Content-Length', 'Host', 'TE', 'X-A'];
const values = ['keep-alive, X-A', 'Basic abc', 'chunked', '12', 'tool.example', 'close, authorization', ''];
const rawHeaders = fc
  .array(fc.tuple(fc.oneof(fc.constantFrom(...names), mutatedText(names)), mutatedText(values)), { maxLength: 8 })
  .map((pairs) => pairs.flat());

/** What clients of the proxy say to it. */
export const headersTarget = target('headers and framing of requests', 6, rawHeaders, (raw) => {
  const kept = endToEnd(raw).filter((_text, at) => at % 2 === 0);
  for (const name of kept) assert.doesNotMatch(name, /^(proxy-|connection$|transfer-encoding$|content-length$)/i);
  for (const httpVersion of ['1.0', '1.1']) {
    allows([ProxyError], () => {
      // As much of a request as is looked at.
      const request: unknown = { rawHeaders: raw, httpVersion };
      framingHeaders(framingOf(request as IncomingMessage), 'POST');
    });
  }
});
