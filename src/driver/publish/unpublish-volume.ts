import type { PublishDependencies } from './publish-dependencies.ts';

/**
 * Unpublishes a volume. It cancels a running publish of the same volume, never calls the API server, and succeeds if
 * there is nothing to remove.
 * @throws {CodedError} INTERNAL if a foreign mount is in the way; then nothing is removed.
 */
export async function unpublishVolume(
  { source, access, host, locks, volumes }: PublishDependencies,
  volumeId: string,
  targetPath: string,
  signal: AbortSignal,
): Promise<void> {
  await locks.preemptively([volumeId, targetPath], signal, async () => {
    await host.detach(targetPath);
    volumes.delete(targetPath);
    source.release(volumeId);
    access.release(volumeId);
  });
}
