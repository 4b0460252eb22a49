/**
 * What a connection may have read, or not yet written, before the other side has to wait: for whoever makes a socket. A
 * record of TLS is 16 KiB, and all that Node 20 lets wait: each would be a turn of reading, stopping and writing of its own.
 * Node 22 has 64 KiB of itself.
 */
export const streamBuffer = { highWaterMark: 64 * 1024 } as const;
