import { readFileSync } from 'node:fs';
import path from 'node:path';
import { format } from 'oxfmt';

const config = path.join(import.meta.dirname, '../../../.oxfmtrc.json');

type Options = NonNullable<Parameters<typeof format>[2]>;

interface Config extends Options {
  readonly overrides: readonly { readonly files: readonly string[]; readonly options: Options }[];
}

/** Returns a generated file as `npm run format` writes it. @param file its name, which says what it contains. */
export async function formatted(file: string, text: string): Promise<string> {
  const { overrides, ...options } = JSON.parse(readFileSync(config, 'utf8')) as Config;
  const own = overrides.find(({ files }) => files.includes(`*${path.extname(file)}`))?.options;
  const { code, errors } = await format(file, text, { ...options, ...own });
  if (errors.length > 0) throw new Error(`${file}: ${errors.map(({ message }) => message).join(', ')}`);
  return code;
}
