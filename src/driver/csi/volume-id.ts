/** What the CSI specification allows a string field that has no limit of its own; the kubelet's ids have 68 bytes. */
const maxBytes = 128;

/** What is wrong with a `volume_id`; undefined: nothing. */
export function volumeIdProblem(volumeId: string): string | undefined {
  if (volumeId === '') return 'volume_id is missing';
  return isTooLong(volumeId) ? `volume_id is longer than ${maxBytes} bytes` : undefined;
}

/** As the log may have it, also of a request that is refused. */
export function loggedVolumeId(volumeId: string): string {
  return isTooLong(volumeId) ? `${volumeId.slice(0, maxBytes)}…` : volumeId;
}

function isTooLong(volumeId: string): boolean {
  return Buffer.byteLength(volumeId) > maxBytes;
}
