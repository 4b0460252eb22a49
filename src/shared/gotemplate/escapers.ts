import { ByteBuilder, byteTable, replaceBytes } from './byte-builder.ts';
import { type ByteString, decodeRune, isAscii } from './byte-string.ts';
import { sprint } from './fmt/print.ts';
import { type CallContext, type GoFunction, goFunction } from './function.ts';
import { isPrint } from './unicode.ts';
import type { GoValue } from './values.ts';

/** html, js and urlquery: the operands as `print` shows them, escaped. */

const htmlEntities: Readonly<Record<string, ByteString>> = {
  '\0': '\xef\xbf\xbd',
  '"': '&#34;',
  "'": '&#39;',
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
};
const htmlEscapes = byteTable((byte) => htmlEntities[byte]);

/** Those of url.QueryEscape. */
const queryEscapes = byteTable((byte) => {
  if (/[A-Za-z0-9_.~-]/.test(byte)) return undefined;
  return byte === ' ' ? '+' : `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
});

function unicodeEscape(rune: number): string {
  return `\\u${rune.toString(16).toUpperCase().padStart(4, '0')}`;
}

function escapeJs(text: ByteString): ByteString {
  if (isAscii(text)) return replaceBytes(text, asciiJsEscapes);
  const escaped = new ByteBuilder();
  for (let offset = 0; offset < text.length;) {
    const { rune, size } = decodeRune(text, offset);
    escaped.add(escapeJsRune(rune, text.slice(offset, offset + size)));
    offset += size;
  }
  return escaped.toString();
}

const asciiJsEscapes = byteTable((byte) => {
  const escaped = escapeJsRune(byte.charCodeAt(0), byte);
  return escaped === byte ? undefined : escaped;
});

/** `encoded` is the rune as it is in the text, which may be an invalid byte. */
function escapeJsRune(rune: number, encoded: ByteString): ByteString {
  if (encoded === '\\' || encoded === "'" || encoded === '"') return `\\${encoded}`;
  if (rune < 0x80) return rune < 0x20 || '<>&='.includes(encoded) ? unicodeEscape(rune) : encoded;
  return isPrint(rune) ? encoded : unicodeEscape(rune);
}

function escaper(name: string, escape: (text: ByteString) => ByteString): GoFunction {
  return goFunction({ name, params: [], variadic: 'interface {}' }, (context, ...operands) => {
    const text = textOf(context, operands);
    context.allocate(text.length * 8);
    return escape(text);
  });
}

/** The operands as an action would print them: nil is `<no value>` here. */
function textOf(context: CallContext, operands: readonly GoValue[]): ByteString {
  return sprint(
    context,
    operands.map((operand) => operand ?? '<no value>'),
  );
}

export const escapeBuiltins: readonly GoFunction[] = [
  escaper('html', (text) => replaceBytes(text, htmlEscapes)),
  escaper('js', escapeJs),
  escaper('urlquery', (text) => replaceBytes(text, queryEscapes)),
];
