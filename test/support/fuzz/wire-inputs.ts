import fc from 'fast-check';
import { callHeaders, callMessage, clientPreface, frame, frameFlag, frameType } from '../http2-frames.ts';
import { mutatedBytes } from './mutations.ts';
import { httpRequests } from './request-targets.ts';

const publishPath = '/csi.v1.Node/NodePublishVolume';
const paths = [publishPath, '/csi.v1.Identity/Probe', '/pluginregistration.Registration/GetInfo', '/no.Such/Method'];

/** What is on the wire of one call is all that its connection says. */
function call(path: string, message: Buffer): Buffer {
  // A frame takes 16 KiB.
  return Buffer.concat([clientPreface, callHeaders(1, path), callMessage(1, message.subarray(0, 16_000))]);
}

function conversation(message: Buffer): Buffer {
  return Buffer.concat([
    clientPreface,
    frame(frameType.ping, 0, 0, Buffer.alloc(8)),
    callHeaders(1, publishPath),
    callMessage(1, message, 0),
    frame(frameType.windowUpdate, 0, 0, Buffer.from([0, 0, 1, 0])),
    frame(frameType.reset, 0, 1, Buffer.from([0, 0, 0, 8])),
    callHeaders(3, publishPath, frameFlag.endHeaders | frameFlag.endStream),
    frame(frameType.goAway, 0, 0, Buffer.alloc(8)),
  ]);
}

/** Frames whose type, flags, stream and length may each be any, after a preface that is right. */
const anyFrame = fc
  .record({
    type: fc.integer({ min: 0, max: 12 }),
    flags: fc.oneof(fc.constantFrom(0, 1, 4, 5, 8, 0x20), fc.nat(255)),
    stream: fc.oneof(fc.constantFrom(0, 1, 2, 3, 0x7fffffff), fc.nat(0x7fffffff)),
    payload: fc.uint8Array({ maxLength: 40 }),
    claimed: fc.option(fc.nat(0xffffff), { freq: 6 }),
  })
  .map(({ type, flags, stream, payload, claimed }) => {
    const bytes = frame(type, flags, stream, Buffer.from(payload));
    if (claimed !== null) bytes.writeUIntBE(claimed, 0, 3);
    return bytes;
  });
const anyFrames = fc
  .array(anyFrame, { minLength: 1, maxLength: 8 })
  .map((frames) => Buffer.concat([clientPreface, ...frames]));

const noise = fc.uint8Array({ maxLength: 512 }).map((bytes) => Buffer.from(bytes));

/**
 * What is sent to a gRPC socket, by what it is.
 * @param requests of NodePublishVolume; the last two publish.
 */
export function grpcInputs(requests: readonly Buffer[]): Readonly<Record<string, fc.Arbitrary<Buffer>>> {
  const message = requests.at(-2)!;
  const whole = [...paths.map((path) => call(path, message)), conversation(message)];
  const messages = fc.oneof(mutatedBytes(requests), mutatedBytes(requests.slice(-2)));
  const calls = fc.tuple(fc.constantFrom(...paths), messages).map(([path, bytes]) => call(path, bytes));
  return {
    'bytes that are no protocol': noise,
    'frames that are any': anyFrames,
    'calls and conversations that are mutated': mutatedBytes(whole),
    'messages that are mutated': calls,
  };
}

/** What is sent to the port of metrics and probes. */
export const httpInputs: Readonly<Record<string, fc.Arbitrary<Buffer>>> = {
  'bytes that are no protocol': noise,
  'requests that are mutated': mutatedBytes([...httpRequests.map((text) => Buffer.from(text)), clientPreface]),
};
