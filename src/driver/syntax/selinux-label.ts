/**
 * Reports whether a text can be an SELinux context. Mount options are split at commas and quotes when they are parsed.
 */
export function isSelinuxLabel(text: string): boolean {
  return /^[-.:,_a-zA-Z0-9]+$/.test(text);
}
