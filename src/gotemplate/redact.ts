/**
 * Keeps secrets out of messages. A template can put a value into an error in many ways: `fail`, a range over a string, a
 * function that quotes what it cannot parse. So what a message tells of values is searched for every piece of a secret
 * that is long enough to mean something, as it is and as templates commonly encode it, and these pieces are masked.
 */

const mask = '[REDACTED]';

/** Pieces of this many characters are masked; a shorter secret only as a whole. */
const pieceLength = 4;

/** The secret's base64 forms: what it looks like depends on how many bytes come before it. */
function base64Forms(secret: string): string[] {
  return [0, 1, 2].map((shift) => {
    const bytes = Buffer.concat([Buffer.alloc(shift), Buffer.from(secret, 'utf8')]);
    const encoded = bytes.toString('base64url');
    const whole = Math.floor((bytes.length * 8) / 6);
    return encoded.slice(shift === 0 ? 0 : shift + 1, whole);
  });
}

function formsOf(secret: string): string[] {
  const escaped = JSON.stringify(secret).slice(1, -1);
  const hex = Buffer.from(secret, 'utf8').toString('hex');
  return [secret, escaped, encodeURIComponent(secret), hex, ...base64Forms(secret)].map(normalized);
}

/** Both base64 alphabets and both cases count as the same. The text keeps its length, so that positions are the same. */
function normalized(text: string): string {
  const lower = text.toLowerCase();
  const folded = lower.length === text.length ? lower : Array.from(text, lowerInPlace).join('');
  return folded.replaceAll('+', '-').replaceAll('/', '_');
}

/** A character in lower case, or itself when that would be longer, as it is for `İ`. */
function lowerInPlace(char: string): string {
  const lower = char.toLowerCase();
  return lower.length === char.length ? lower : char;
}

/** Marks what `form` and the text have in common. Goes by the text, which is short; a secret may be long. */
function hide(searched: string, form: string, hidden: Uint8Array): void {
  const length = Math.min(pieceLength, form.length);
  for (let at = 0; at + length <= searched.length; at++) {
    if (form.includes(searched.slice(at, at + length))) hidden.fill(1, at, at + length);
  }
}

/** `text` with everything in it that comes from one of the secrets masked. Takes time by the product of their lengths. */
export function redact(text: string, secrets: readonly string[]): string {
  const searched = normalized(text);
  const hidden = new Uint8Array(text.length);
  const forms = new Set(secrets.flatMap(formsOf));
  forms.delete('');
  for (const form of forms) hide(searched, form, hidden);
  return masked(text, hidden);
}

function masked(text: string, hidden: Uint8Array): string {
  let result = '';
  for (let at = 0; at < text.length; at++) {
    if (hidden[at] === 0) result += text.charAt(at);
    else if (hidden[at - 1] !== 1) result += mask;
  }
  return result;
}
