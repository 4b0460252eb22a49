// A tool behind TLS in a process of its own. GET /N answers N bytes; what is sent is read and counted.
import { Buffer } from 'node:buffer';
import { createServer } from 'node:https';

const [cert, key] = process.argv.slice(2);
const block = Buffer.alloc(256 * 1024, 'x');
const server = createServer({ cert, key, keepAliveTimeout: 60_000 }, (request, response) => {
  request.resume();
  if (request.method !== 'GET') {
    request.once('end', () => response.end('ok'));
    return;
  }
  let left = Number(request.url.slice(1));
  response.setHeader('Content-Length', left);
  const more = () => {
    while (left > 0) {
      const chunk = left < block.length ? block.subarray(0, left) : block;
      left -= chunk.length;
      if (!response.write(chunk) && left > 0) {
        response.once('drain', more);
        return;
      }
    }
    response.end();
  };
  more();
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
