// The parts of the tests: which files run as one process, in which command.
//
// The tables have folders and files of `test`, with the seconds that they take next to five other parts on two free
// processors. A file belongs to the innermost of all.

/** Both commands run these, unless a table below has them. */
const places = {
  conformance: 13,
  e2e: 210,
  fault: 30,
  'fault/api': 180,
  'fault/driver': 50,
  'fault/host': 100,
  integration: 360,
  'integration/deploy': 170,
  'integration/driver': 310,
  'integration/proxy': 450,
  'integration/scenarios': 180,
  model: 320,
  unit: 270,
};

/** Only `npm run test:slow` runs these: random input, programs that take long, measurements of CPU time, most load and real API servers. */
const slow = {
  'e2e/arm64.test.ts': 130,
  'e2e/classes/maven.test.ts': 40,
  'e2e/classes/python.test.ts': 20,
  'e2e/classes/sonarqube.test.ts': 20,
  'e2e/flow/activate-hosts.test.ts': 30,
  'e2e/flow/activate-packages.test.ts': 100,
  'e2e/flow/activate.test.ts': 100,
  'e2e/flow/examples.test.ts': 20,
  'e2e/flow/image-pulls.test.ts': 40,
  'e2e/flow/refused-programs.test.ts': 50,
  'e2e/flow/registries.test.ts': 60,
  'e2e/flow/token-expiry.test.ts': 60,
  'e2e/flow/tools.test.ts': 70,
  'e2e/flow/whole-system.test.ts': 40,
  'e2e/identities.test.ts': 35,
  'e2e/image.test.ts': 270,
  'e2e/observability.test.ts': 10,
  'fault/fuzz': 60,
  'integration/check/same-answer.test.ts': 25,
  'integration/deploy/lifecycle.test.ts': 230,
  'integration/deploy/policies': 80,
  'integration/deploy/versions.test.ts': 110,
  'integration/docs': 160,
  'integration/driver/load': 300,
  'integration/kubernetes': 195,
  soak: 115,
  'unit/build/test-runner.test.ts': 25,
  'unit/linear-time.test.ts': 100,
  'unit/shared/gotemplate/worst.test.ts': 80,
};

/** As those, but when nothing else runs: attacks from other processes. A proxy without a processor serves no client. */
const alone = {
  'fault/proxy/limits.test.ts': 40,
  'fault/proxy/shares': 190,
  'integration/driver/load/every-attack.test.ts': 50,
};

/** Of these suites `npm test` runs a share of the cases, `npm run test:slow` all. */
const shortened = ['model', 'fault/api'];
const fewer = { share: 0.2, env: { MODEL_RUNS: '30', API_FAILURE_STEP: '4' } };

/** Places that take more are divided, but for suites that share one control plane of Kubernetes, or load the machine. */
const partSeconds = 120;
const isWhole = (place) => /^integration\/(deploy|docs|kubernetes|driver\/load)/.test(place);

const seconds = { ...places, ...slow, ...alone };

/** All names in the tables. */
export const names = [...Object.keys(seconds), ...shortened];

/**
 * @param command `quick`: `npm test`; `slow`: `npm run test:slow`; `all`: both.
 * @param files all test files, as `test/….test.ts`. @returns the parts, longest first: {name, files, seconds, env, isAlone}.
 * @throws if a file is in no place.
 */
export function partsOf(command, files) {
  const innermostFirst = Object.keys(seconds).sort((a, b) => b.length - a.length);
  const placeOf = (file) => innermostFirst.find((place) => `${file}/`.startsWith(`test/${place}/`));
  const lost = files.filter((file) => placeOf(file) === undefined);
  if (lost.length > 0) throw new Error(`in no part: ${lost.join(' ')}`);
  const divided = (place, suffix, { share = 1, env = {} } = {}, isAlone = false) => {
    const own = files.filter((file) => placeOf(file) === place);
    const total = seconds[place] * share;
    const count = Math.min(own.length, isWhole(place) ? 1 : Math.ceil(total / partSeconds));
    return Array.from({ length: count }, (_, index) => ({
      name: `${place}${count > 1 ? ` ${index + 1}/${count}` : ''}${suffix}`,
      files: own.filter((_, position) => position % count === index),
      ...{ seconds: total / count, env, isAlone },
    }));
  };
  const isShortened = (place) => shortened.includes(place);
  const quick = Object.keys(places).flatMap((place) => {
    if (!isShortened(place)) return divided(place, '');
    return command === 'quick' ? divided(place, '', fewer) : [];
  });
  const others = [
    ...[...Object.keys(slow), ...shortened].flatMap((place) => divided(place, ', slow')),
    ...Object.keys(alone).flatMap((place) => divided(place, ', alone', {}, true)),
  ];
  const parts = [...(command === 'slow' ? [] : quick), ...(command === 'quick' ? [] : others)];
  return parts.sort((a, b) => b.seconds - a.seconds);
}
