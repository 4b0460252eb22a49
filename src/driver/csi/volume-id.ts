/** The CSI specification's limit for strings without a limit of their own; the kubelet's ids have 68 bytes. */
const maxBytes = 128;

/** Returns the problem of a `volume_id`; undefined if there is none. */
export function volumeIdProblem(volumeId: string): string | undefined {
  if (volumeId === '') return 'volume_id is missing';
  return isTooLong(volumeId) ? `volume_id is longer than ${maxBytes} bytes` : undefined;
}

/** Returns the id for the log, truncated, also of a rejected request. */
export function loggedVolumeId(volumeId: string): string {
  return isTooLong(volumeId) ? `${volumeId.slice(0, maxBytes)}…` : volumeId;
}

function isTooLong(volumeId: string): boolean {
  return Buffer.byteLength(volumeId) > maxBytes;
}
