import type { HttpAddress } from '../process/flags.js';
import type { CheckResult } from './check-result.js';
import { fail, ok, reasonOf } from './check-result.js';
import { askHealthPort } from './health-port.js';

const check = 'readiness';

/**
 * Reports the readiness of the program in doctor's container, by /readyz: only its own process knows.
 * @param task what a ready program can do, a verb.
 */
export async function checkReadiness(
  address: HttpAddress | undefined,
  program: 'driver' | 'proxy',
  task: string,
): Promise<CheckResult> {
  if (address === undefined) return ok(check, 'not asked: --http-address is empty');
  try {
    const { status, text } = await askHealthPort(address, '/readyz');
    if (status === 200) return ok(check, `the ${program} can ${task}`);
    const fix = `the lines that fail here and the log of the ${program} say why`;
    return fail(check, `the ${program} cannot ${task}: ${text.trim()}`, fix);
  } catch (error) {
    return fail(check, reasonOf(error), `is the ${program} running, with this --http-address?`);
  }
}
