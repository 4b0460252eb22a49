// A tool behind TLS in a process of its own. GET /N returns N bytes; bodies are read and dropped. It parses no more of HTTP
// than the bench sends: with Node's HTTP server it would use as much CPU time as what is measured.
import { Buffer } from 'node:buffer';
import { createServer } from 'node:tls';

const [cert, key] = process.argv.slice(2);
const block = Buffer.alloc(256 * 1024, 'x');

const server = createServer({ cert, key }, (socket) => {
  let head = '';
  /** Bytes of the request's body that are still to come. */
  let expected = 0;
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk) => {
    if (expected === 0) {
      head += chunk.toString('latin1');
      const end = head.indexOf('\r\n\r\n');
      if (end === -1) return;
      expected = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0);
      if (/\r\nexpect:/i.test(head)) socket.write('HTTP/1.1 100 Continue\r\n\r\n');
      expected -= head.length - end - 4;
    } else expected -= chunk.length;
    if (expected === 0) respond(socket, head);
    if (expected === 0) head = '';
  });
});

function respond(socket, head) {
  const [method, path] = head.split(' ', 2);
  let left = method === 'GET' ? Number(path.slice(1)) || 0 : 0;
  const isLast = /\r\nconnection: *close/i.test(head);
  const last = isLast ? 'Connection: close\r\n' : '';
  let first = `HTTP/1.1 200 OK\r\n${last}Content-Length: ${left}\r\n\r\n`;
  if (left <= 1024) {
    first += 'x'.repeat(left);
    left = 0;
  }
  socket.write(first);
  const more = () => {
    while (left > 0) {
      const chunk = left < block.length ? block.subarray(0, left) : block;
      left -= chunk.length;
      if (!socket.write(chunk) && left > 0) {
        socket.once('drain', more);
        return;
      }
    }
    if (isLast) socket.end();
  };
  more();
}

server.listen(0, '127.0.0.1', () => console.log(server.address().port));
