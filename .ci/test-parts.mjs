// The parts of the tests: which files run as one process, in which command.

/**
 * Folders and files of `test`, with the seconds that they take next to five other parts on two free processors. A file
 * belongs to the innermost of them. Suites with a control plane of their own say less, so that they do not start at once.
 */
const places = {
  conformance: 10,
  e2e: 690,
  fault: 160,
  'fault/api': 130,
  'fault/driver': 40,
  'fault/host': 160,
  'fault/proxy/shares': 240,
  integration: 250,
  'integration/deploy': 170,
  'integration/deploy/lifecycle.test.ts': 76,
  'integration/deploy/versions.test.ts': 70,
  'integration/docs': 60,
  'integration/driver': 260,
  'integration/driver/load': 120,
  'integration/proxy': 260,
  'integration/scenarios': 90,
  model: 670,
  soak: 100,
  unit: 200,
  'unit/linear-time.test.ts': 40,
  'unit/shared/gotemplate/worst.test.ts': 40,
};
/** Places that take more are divided, but for those whose suites share one control plane of Kubernetes. */
const partSeconds = 120;
const whole = Object.keys(places).filter((place) => /^integration\/(deploy|docs)/.test(place));

/** Only `npm run test:slow` runs these. Those of `load` fill a driver or a proxy as far as it lets them. */
const load = ['fault/proxy/limits.test.ts', 'fault/proxy/shares', 'integration/driver/load'];
/** Attacks from other processes. A proxy without a processor serves no client, so they run when nothing else does. */
const alone = ['fault/proxy/limits.test.ts', 'fault/proxy/shares'];
/** The others have random input, programs that take long, and measurements of CPU time. */
const slow = [
  ...load,
  'e2e/arm64.test.ts',
  'e2e/classes/maven.test.ts',
  'e2e/classes/python.test.ts',
  'e2e/classes/sonarqube.test.ts',
  'e2e/flow/activate-hosts.test.ts',
  'e2e/flow/activate-packages.test.ts',
  'e2e/flow/activate.test.ts',
  'e2e/flow/image-pulls.test.ts',
  'e2e/flow/refused-programs.test.ts',
  'e2e/flow/registries.test.ts',
  'e2e/flow/token-expiry.test.ts',
  'e2e/flow/tools.test.ts',
  'e2e/flow/whole-system.test.ts',
  'e2e/image.test.ts',
  'e2e/observability.test.ts',
  'fault/fuzz',
  'integration/check/same-answer.test.ts',
  'integration/deploy/lifecycle.test.ts',
  'integration/deploy/versions.test.ts',
  'integration/kubernetes',
  'soak',
  'unit/linear-time.test.ts',
  'unit/shared/gotemplate/worst.test.ts',
];
/** Of these suites `npm test` runs a share of the cases; `npm run test:slow` and CI run all. */
const shortened = ['model', 'fault/api'];
const fewer = { MODEL_RUNS: '30', API_FAILURE_STEP: '4' };
const fewerShare = 0.2;

/** All names above, each of a folder or file of `test`. */
export const names = [...Object.keys(places), ...slow, ...shortened];

const isIn = (file, list) => list.some((name) => `${file}/`.startsWith(`test/${name}/`));

/**
 * @param command `quick`: `npm test`; `slow`: `npm run test:slow`; `all`: both.
 * @param files all test files, as `test/….test.ts`. @returns the parts, longest first: {name, files, seconds, env, isAlone}.
 * @throws if a file is in no place.
 */
export function partsOf(command, files) {
  const innermostFirst = Object.keys(places).sort((a, b) => b.length - a.length);
  const placeOf = (file) => innermostFirst.find((place) => isIn(file, [place]));
  const lost = files.filter((file) => placeOf(file) === undefined);
  if (lost.length > 0) throw new Error(`in no part: ${lost.join(' ')}`);
  const isQuick = (file) => !isIn(file, slow) && (command === 'quick' || !isIn(file, shortened));
  const isAlone = (file) => isIn(file, alone);
  const isSlow = (file) => isIn(file, [...slow, ...shortened]) && !isAlone(file);
  const divided = (isOwn, suffix, common) =>
    Object.keys(places).flatMap((place) => {
      const all = files.filter((file) => placeOf(file) === place);
      const own = all.filter(isOwn);
      const share = common.env === fewer && shortened.includes(place) ? fewerShare : 1;
      const seconds = (places[place] * share * own.length) / all.length;
      const count = Math.min(own.length, whole.includes(place) ? 1 : Math.ceil(seconds / partSeconds));
      return Array.from({ length: count }, (_, index) => ({
        ...common,
        name: `${place}${count > 1 ? ` ${index + 1}/${count}` : ''}${suffix}`,
        files: own.filter((_, position) => position % count === index),
        seconds: seconds / count,
      }));
    });
  return [
    ...(command === 'slow' ? [] : divided(isQuick, '', { env: fewer })),
    ...(command === 'quick' ? [] : divided(isSlow, ', slow', { env: {} })),
    ...(command === 'quick' ? [] : divided(isAlone, ', alone', { env: {}, isAlone: true })),
  ].sort((a, b) => b.seconds - a.seconds);
}
