import { readFileSync } from 'node:fs';

/**
 * <linux/capability.h>. Mounting needs CAP_SYS_ADMIN, files of a volume's group need CAP_CHOWN; the driver needs no
 * other.
 */
const neededCapabilities = { CAP_CHOWN: 0, CAP_SYS_ADMIN: 21 } as const;

/** Mask of the needed capabilities. */
export const neededMask = Object.values(neededCapabilities).reduce((mask, number) => mask | (1n << BigInt(number)), 0n);

/** Masks with a bit for each capability, capabilities(7). */
export interface Capabilities {
  /** Capabilities that the process can use. */
  readonly permitted: bigint;
  /** Further capabilities that executed programs can get. */
  readonly inheritable: bigint;
}

/**
 * Returns the capabilities of this process's main thread; none if the kernel does not report them. @param text of
 * proc_pid_status(5).
 */
export function capabilitiesOf(text = readFileSync('/proc/self/status', 'utf8')): Capabilities {
  const mask = (field: string): bigint =>
    BigInt(`0x${new RegExp(`^${field}:\\s*([0-9a-f]{1,16})$`, 'm').exec(text)?.[1] ?? '0'}`);
  return { permitted: mask('CapPrm'), inheritable: mask('CapInh') };
}

/** Returns the capabilities that the process has but does not need. */
export function excessCapabilities({ permitted, inheritable }: Capabilities): bigint {
  return (permitted | inheritable) & ~neededMask;
}

/** Returns a text for the log: the needed capabilities by name, others as a mask. */
export function describeCapabilities(capabilities: Capabilities): string {
  const names = Object.entries(neededCapabilities).flatMap(([name, number]) =>
    (capabilities.permitted >> BigInt(number)) & 1n ? [name] : [],
  );
  const excess = excessCapabilities(capabilities);
  if (excess !== 0n) names.push(`others (0x${excess.toString(16)})`);
  return names.length === 0 ? 'none' : names.join(', ');
}
