const percent = 0x25;

/**
 * Decodes each percent-encoded byte once; other text stays. Clients choose the text, so this takes a single pass.
 * @param text in Latin-1, as is the result.
 */
export function percentDecoded(text: string): string {
  if (!text.includes('%')) return text;
  const bytes = Buffer.from(text, 'latin1');
  let length = 0;
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at] ?? 0;
    const high = byte === percent ? digitValue(bytes[at + 1]) : -1;
    const low = high === -1 ? -1 : digitValue(bytes[at + 2]);
    bytes[length] = low === -1 ? byte : high * 16 + low;
    if (low !== -1) at += 2;
    length += 1;
  }
  return bytes.toString('latin1', 0, length);
}

/** Returns the value of a hexadecimal digit, -1 for another byte. */
function digitValue(byte = 0): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}
