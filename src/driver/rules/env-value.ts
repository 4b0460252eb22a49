/** Said of a value that is not plain. */
export const plainEnvCharacters =
  'only letters, digits and any of . _ - / : @ % , + = [ ] are allowed, since shells read it';

/**
 * Whether a value of `.env` means the same unquoted to POSIX shells, `docker --env-file`, `kubectl --from-env-file` and
 * dotenv readers. Brackets enclose IPv6 hosts; an assignment takes them literally.
 */
export function isPlainEnvValue(value: string): boolean {
  return /^[-A-Za-z0-9._/:@%,+=[\]]*$/.test(value);
}
