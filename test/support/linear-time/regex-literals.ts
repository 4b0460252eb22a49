import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { Visitor, parseSync } from 'oxc-parser';

const source = path.join(import.meta.dirname, '../../../src');

interface SourceRegex {
  /** Below src, such as `proxy/rules/read-only.ts`. */
  readonly file: string;
  /** As it is written, with slashes and flags. */
  readonly text: string;
}

/** Returns every regular expression that is a literal in src, once for each file. */
export function regexLiterals(): readonly SourceRegex[] {
  const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter(
    (file) => file.endsWith('.ts') && !file.includes('generated'),
  );
  return files.flatMap((file) => {
    const texts = new Set<string>();
    const { program } = parseSync(file, readFileSync(path.join(source, file), 'utf8'));
    new Visitor({ Literal: (node) => 'regex' in node && node.raw !== null && texts.add(node.raw) }).visit(program);
    return Array.from(texts, (text) => ({ file, text }));
  });
}

/** Returns what applies it to a whole text, as `replaceAll` or `exec` do. */
export function applied({ text }: SourceRegex): (input: string) => void {
  const end = text.lastIndexOf('/');
  const regex = new RegExp(text.slice(1, end), text.slice(end + 1));
  return (input) => {
    regex.lastIndex = 0;
    if (regex.global) input.replace(regex, '');
    else regex.exec(input);
  };
}
