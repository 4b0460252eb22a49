/** Frames of HTTP/2 (RFC 9113), to be sent in ways in which no client library would send them. */
export const frameType = { data: 0, headers: 1, reset: 3, settings: 4, ping: 6, goAway: 7, windowUpdate: 8 } as const;
export const frameFlag = { endStream: 0x1, endHeaders: 0x4 } as const;

export function frame(type: number, flags: number, streamId: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(streamId, 5);
  return Buffer.concat([head, payload]);
}

/** What a client says first: the preface and no settings of its own. */
export const clientPreface = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1'),
  frame(frameType.settings, 0, 0),
]);

/** The header fields of a gRPC call, each a literal without indexing (RFC 7541, 6.2.2). */
export function callHeaders(streamId: number, path: string, flags: number = frameFlag.endHeaders): Buffer {
  const fields = {
    ':method': 'POST',
    ':scheme': 'http',
    ':path': path,
    ':authority': 'localhost',
    'content-type': 'application/grpc',
    te: 'trailers',
  };
  const literals = Object.entries(fields).map(([name, value]) =>
    Buffer.concat([Buffer.from([0, name.length]), Buffer.from(name), Buffer.from([value.length]), Buffer.from(value)]),
  );
  return frame(frameType.headers, flags, streamId, Buffer.concat(literals));
}

/** A gRPC message as the data of a stream. @param flags `endStream` ends the request with it. */
export function callMessage(streamId: number, message: Buffer, flags: number = frameFlag.endStream): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return frame(frameType.data, flags, streamId, Buffer.concat([prefix, message]));
}
