import { readFileSync } from 'node:fs';

/** <linux/capability.h>. Mounting needs the one, files of a volume's group the other; nothing else of the driver any. */
export const neededCapabilities = { CAP_CHOWN: 0, CAP_SYS_ADMIN: 21 } as const;

/** A mask of all that the driver needs. */
export const neededMask = Object.values(neededCapabilities).reduce((mask, number) => mask | (1n << BigInt(number)), 0n);

/** Masks with a bit for each capability, capabilities(7). */
export interface Capabilities {
  /** What the process may make use of. */
  readonly permitted: bigint;
  /** What programs that it executes may be given beyond that. */
  readonly inheritable: bigint;
}

/** Those of this process's main thread; none where the kernel does not tell. @param text of proc_pid_status(5). */
export function capabilitiesOf(text = readFileSync('/proc/self/status', 'utf8')): Capabilities {
  const mask = (field: string): bigint =>
    BigInt(`0x${new RegExp(`^${field}:\\s*([0-9a-f]{1,16})$`, 'm').exec(text)?.[1] ?? '0'}`);
  return { permitted: mask('CapPrm'), inheritable: mask('CapInh') };
}

/** What is held and not needed. */
export function excessCapabilities({ permitted, inheritable }: Capabilities): bigint {
  return (permitted | inheritable) & ~neededMask;
}

/** In words for the log: the needed ones by name, others as a mask. */
export function describeCapabilities(capabilities: Capabilities): string {
  const names = Object.entries(neededCapabilities).flatMap(([name, number]) =>
    (capabilities.permitted >> BigInt(number)) & 1n ? [name] : [],
  );
  const surplus = excessCapabilities(capabilities);
  if (surplus !== 0n) names.push(`others (0x${surplus.toString(16)})`);
  return names.length === 0 ? 'none' : names.join(', ');
}
