/** A text as a CEL literal. */
export function celText(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'").replaceAll('\n', '\\n')}'`;
}

export function celList(texts: readonly string[]): string {
  return `[${texts.map(celText).join(', ')}]`;
}

/** A pattern as a raw CEL literal, in ASCII. */
export function rawText(pattern: string): string {
  const ascii = pattern.replaceAll(/[^ -~]/g, (letter) => `\\x{${letter.charCodeAt(0).toString(16)}}`);
  return `r'${ascii}'`;
}
