/** Part of the error for a value that is not plain. */
export const plainEnvCharacters =
  'only letters, digits and any of . _ - / : @ % , + = [ ] are allowed, since shells read it';

/**
 * Reports whether POSIX shells, `docker --env-file`, `kubectl --from-env-file` and dotenv readers interpret the
 * unquoted value equally. Brackets enclose IPv6 hosts; an assignment takes them literally.
 */
export function isPlainEnvValue(value: string): boolean {
  return /^[-A-Za-z0-9._/:@%,+=[\]]*$/.test(value);
}
