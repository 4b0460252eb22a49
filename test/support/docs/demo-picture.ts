/** Returns what the demo prints as a picture of a terminal (SVG), with the same values for what differs by run. */
export function demoPicture(output: string): string {
  const lines = steady(output)
    .trim()
    .split('\n')
    .flatMap((line) => wrapped(line).map((part) => ({ part, color: colorOf(line) })));
  const [width, height] = [columns * 8.43 + 32, lines.length * 20 + 32];
  const text = lines.map(
    ({ part, color }, at) =>
      `  <text x="16" y="${at * 20 + 30}"${color && ` fill="${color}"`}>${escaped(part)}</text>\n`,
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width.toFixed(0)} ${height}" fill="#e6edf3" xml:space="preserve"\n`,
    '  font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, monospace" font-size="14">\n',
    '  <title>Output of npm run demo</title>\n  <rect width="100%" height="100%" rx="8" fill="#0d1117"/>\n',
    ...text,
    '</svg>\n',
  ].join('');
}

const columns = 120;

/** Stands for the last characters of the tokens, in their order. */
const tokenEnds = ['kQz7Aw', 'x9T2fM'];

function colorOf(line: string): string {
  return /^ *✔/.test(line) ? '#7ee787' : /^ *✘/.test(line) ? '#ff7b72' : /^\d+\. /.test(line) ? '#79c0ff' : '';
}

/** Replaces tokens, ports and digests, and leaves out times. */
function steady(output: string): string {
  const tokens = [...new Set(output.match(/eyJhbG….{6}/g))];
  return output
    .replaceAll(/eyJhbG….{6}/g, (token) => `eyJhbG…${tokenEnds[tokens.indexOf(token)]}`)
    .replaceAll(/ in \d+(?:\.\d+)? ms| \(\d+(?:\.\d+)? ms\)/g, '')
    .replaceAll(/127\.0\.0\.1:\d+/g, '127.0.0.1:33957')
    .replaceAll(/\b[0-9a-f]{8}…/g, 'f554575f…');
}

/** Breaks a line at blanks. */
function wrapped(line: string): readonly string[] {
  if (line.length <= columns) return [line];
  const at = line.lastIndexOf(' ', columns);
  return [line.slice(0, at), ...wrapped(`     ${line.slice(at + 1)}`)];
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
