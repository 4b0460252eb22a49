export function importDigests(files: readonly string[], common: string): ReadonlyMap<string, string>;
