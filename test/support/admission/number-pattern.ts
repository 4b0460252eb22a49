/** A pattern for the decimal numbers from `least` on, both without leading zeros; to be put between anchors or letters. */
export function numberFrom(least: number): string {
  const digits = String(least);
  const higher = Array.from(digits).flatMap((digit, index) => {
    const rest = digits.length - index - 1;
    if (digit === '9') return [];
    return [`${digits.slice(0, index)}[${Number(digit) + 1}-9]${anyDigits(rest)}`];
  });
  return `(?:${[digits, ...higher, `[1-9][0-9]{${digits.length},}`].join('|')})`;
}

/** A pattern for the decimal numbers below `bound`, without leading zeros. */
export function numberBelow(bound: number): string {
  const digits = String(bound);
  const lower = Array.from(digits).flatMap((digit, index) => {
    const rest = digits.length - index - 1;
    const least = index === 0 && digits.length > 1 ? 1 : 0;
    if (Number(digit) <= least) return [];
    return [`${digits.slice(0, index)}[${least}-${Number(digit) - 1}]${anyDigits(rest)}`];
  });
  const shorter = digits.length === 1 ? [] : ['0', `[1-9][0-9]{0,${digits.length - 2}}`];
  return `(?:${[...lower, ...shorter].join('|')})`;
}

function anyDigits(count: number): string {
  return count === 0 ? '' : `[0-9]{${count}}`;
}
