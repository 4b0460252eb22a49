// What Node's HTTP server and undici cost with nothing in between: ends TLS inside of CONNECT and sends each request on with two
// more headers. It checks nobody, logs nothing and knows one tool.
import { createServer } from 'node:http';
import { createSecureContext, TLSSocket } from 'node:tls';
import { Pool } from 'undici';

const [toolPort, host, cert, key, ca] = process.argv.slice(2);
const tool = new Pool(`https://127.0.0.1:${toolPort}`, { connect: { ca, servername: host } });
const secureContext = createSecureContext({ cert, key });

const requests = createServer({ requestTimeout: 0, keepAliveTimeout: 0 }, (request, response) => {
  const { method, url: path, rawHeaders } = request;
  // Node has answered it.
  const at = rawHeaders.indexOf('Expect');
  const kept = at === -1 ? rawHeaders : rawHeaders.toSpliced(at, 2);
  const headers = [...kept, 'Authorization', 'Basic cm9ib3Q6YmVuY2g=', 'Via', '1.1 relay'];
  const hasBody = 'content-length' in request.headers;
  tool.dispatch(
    { method, path, headers, body: hasBody ? request : null },
    {
      onRequestStart: () => undefined,
      onResponseStart: ({ rawHeaders: raw }, status) => {
        const texts = raw.map((text) => text.toString('latin1'));
        response.writeHead(status, texts);
      },
      onResponseData: (controller, chunk) => {
        if (response.write(chunk)) return;
        controller.pause();
        response.once('drain', () => controller.resume());
      },
      onResponseEnd: () => response.end(),
      onResponseError: () => response.destroy(),
    },
  );
});

const tunnels = createServer().on('connect', (_, socket) => {
  socket.on('error', () => socket.destroy());
  socket.write('HTTP/1.1 200 OK\r\n\r\n');
  const inner = new TLSSocket(socket, { isServer: true, secureContext });
  inner.on('error', () => inner.destroy());
  requests.emit('connection', inner);
});
tunnels.listen(0, '127.0.0.1', () => console.log(tunnels.address().port));
