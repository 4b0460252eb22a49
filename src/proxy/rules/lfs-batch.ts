/**
 * Returns the body of a Git LFS batch request if it asks for downloads: written again from the values that were read, so
 * that no tool finds another operation in it, such as in a second key.
 * @returns undefined for uploads and for everything that is not clear.
 */
export function downloadBatch(body: Buffer): Buffer | undefined {
  try {
    const batch: unknown = JSON.parse(body.toString());
    if (typeof batch !== 'object' || batch === null || Array.isArray(batch)) return undefined;
    // Tools in Go read keys without case.
    const operations = Object.entries(batch).filter(([key]) => key.toLowerCase() === 'operation');
    const [[, operation] = []] = operations;
    return operations.length === 1 && operation === 'download' ? Buffer.from(JSON.stringify(batch)) : undefined;
  } catch {
    // No JSON, or nested too deeply to be written.
    return undefined;
  }
}
