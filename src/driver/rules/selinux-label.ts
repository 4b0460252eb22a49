/** Whether a text may be an SELinux context: mount options are split at commas and quotes by those who read them. */
export function isSelinuxLabel(text: string): boolean {
  return /^[-.:,_a-zA-Z0-9]+$/.test(text);
}
