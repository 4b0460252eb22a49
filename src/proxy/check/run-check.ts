import { readFileSync } from 'node:fs';
import { CodedError } from '../../shared/errors.ts';
import { UsageError, describeFlags, flag, oneOf, parseFlags, toggle } from '../../shared/process/flags.ts';
import type { FlagValues } from '../../shared/process/flags.ts';
import type { ProxyConfig } from '../config.ts';
import { parseProxyConfig } from '../config.ts';
import { loadClusterConfig } from '../../shared/kube/load-cluster-config.ts';
import type { CommandContext } from '../../shared/command/command.ts';
import { shown } from '../../shared/doctor/check-result.ts';
import { printableJson, outputFlag } from '../../shared/command/output-format.ts';
import { runningArguments } from '../../shared/command/running-arguments.ts';
import type { Answer } from './decision-trace.ts';
import type { Question } from './question.ts';
import { named, parseAskedClient, parseAskedConnectors, parseAskedRequest, parsePod, wordsOf } from './question.ts';
import type { Expectation, Outcome } from './expectations.ts';
import { describeUnmet, outcomeOf, parseExpectations } from './expectations.ts';
import { RequestChecker } from './request-checker.ts';
import { noObserver } from '../../shared/kube/observer.ts';
import { kubeTimings } from '../../shared/kube/timings.ts';
import type { ClusterConfig } from '../../shared/kube/cluster-config.ts';
import { ThreadShares } from '../thread-shares.ts';
import { proxyLimits } from '../limits.ts';
import { FailureRateLimiter } from '../failure-rate-limiter.ts';
import { silentLog } from '../../shared/log.ts';
import { manifestWarnings } from '../../shared/connectors/unknown-fields.ts';
import type { DecisionSources } from '../backend.ts';
import { kubernetesSources } from '../kubernetes-backend.ts';
import { manifestSources } from './manifest-sources.ts';
import { version } from '../../shared/version.ts';

const asWritten = (written: string): string => written;

const checkFlags = {
  connector: flag('', 'LIST', 'connectors that the client names, as in a volume: NAMESPACE/NAME', asWritten),
  as: flag('', 'USER', 'system:serviceaccount:NAMESPACE:NAME; -: permissions are not checked', asWritten),
  pod: flag('', 'NAME', 'pod of the token, NAMESPACE/NAME, for permissions of one pod and approvals', asWritten),
  'pod-uid': flag('', 'UID', 'uid of the pod, for approvals', asWritten),
  request: flag('', 'REQUEST', 'METHOD PATH or METHOD URL, and headers as NAME:VALUE', asWritten),
  file: flag('', 'FILE', 'table of expectations, a line each: allow|deny CONNECTOR ACCOUNT METHOD PATH', asWritten),
  manifests: flag('', 'DIR', 'directory of YAML or JSON manifests instead of a cluster', asWritten),
  kubeconfig: flag('', 'FILE', 'kubeconfig; empty: in-cluster configuration', asWritten, 'KUBECONFIG'),
  namespace: flag('', 'NAME', 'namespace of the proxy; empty: that of the running proxy', asWritten),
  'unmatched-hosts': flag(
    '',
    'WHAT',
    'as the flag of the proxy; empty: that of the running proxy',
    oneOf<'' | 'tunnel' | 'deny'>(['', 'tunnel', 'deny']),
  ),
  strict: toggle('exit status 1 if there is a warning, such as a request that gets no credential'),
  output: outputFlag,
} as const;

type CheckConfig = FlagValues<typeof checkFlags>;

export const usage = `Usage: connectors-csi check (--connector LIST --as USER --request REQUEST | --file FILE) [flags]

Reports whether the proxy would let a request pass, and why. It decides with the code of the proxy, and sends nothing to
a tool. In the container of a running proxy, its own flags are the defaults. Exit status 1 if the request would not
pass, if an expectation is not met, or if that cannot be decided.

  connectors-csi check --manifests . --connector ci/harbor --as system:serviceaccount:ci:builder --request 'GET /v2/'

Flags:
${describeFlags(checkFlags)}
`;

/** Time in milliseconds for one answer, the first reads of the cluster included. */
const timeoutMs = 30_000;

/** Runs `check`. @throws {UsageError} {CodedError} */
export async function run(context: CommandContext): Promise<number> {
  const { args, env, stdout, stderr, stopped } = context;
  const flags = parseFlags(checkFlags, args, env);
  const asked = flags.file === '' ? questionOf(flags) : expectationsOf(flags);
  const config = configOf(flags, env);
  const opened =
    flags.manifests === ''
      ? openCluster(
          loadClusterConfig(config, env, () => performance.now()),
          config,
        )
      : openManifests(flags.manifests, config.namespace);
  for (const warning of opened.warnings) stderr(`warning: ${warning}\n`);
  try {
    const { sources } = opened;
    const checker = new RequestChecker({ sources, config, isOtherUser: config.kubeconfig !== undefined });
    const check = (question: Question): Promise<Answer> => answerInTime(checker, question, stopped);
    const status =
      'request' in asked
        ? reportAnswer(await check(asked), flags, context)
        : await reportOutcomes(asked, flags, check, stdout);
    return flags.strict && opened.warnings.length > 0 ? 1 : status;
  } finally {
    opened.close();
  }
}

async function answerInTime(checker: RequestChecker, question: Question, stopped: AbortSignal): Promise<Answer> {
  const deadline = new AbortController();
  const timer = setTimeout(() => deadline.abort(late()), timeoutMs);
  try {
    return await checker.check(question, AbortSignal.any([stopped, deadline.signal]));
  } finally {
    clearTimeout(timer);
  }
}

function reportAnswer(answer: Answer, { output, strict }: CheckConfig, { stdout, columns }: CommandContext): number {
  const { passes, steps } = answer;
  const lines = steps.map(({ step, level, text }) => shown({ check: step, level, text }, columns));
  stdout(output === 'json' ? `${JSON.stringify(answer, undefined, 2)}\n` : lines.join(''));
  return passes && !(strict && steps.some(({ level }) => level === 'warn')) ? 0 : 1;
}

async function reportOutcomes(
  expectations: readonly Expectation[],
  { file, output }: CheckConfig,
  check: (question: Question) => Promise<Answer>,
  write: (text: string) => void,
): Promise<number> {
  const outcomes: Outcome[] = [];
  for (const expectation of expectations) {
    const outcome = outcomeOf(expectation, await check(expectation.question));
    outcomes.push(outcome);
    if (output === 'table' && !outcome.isMet) write(describeUnmet(file, expectation, outcome));
  }
  const met = outcomes.filter(({ isMet }) => isMet).length;
  write(output === 'json' ? printableJson(outcomes) : `${met} of ${outcomes.length} expectations are met\n`);
  return met === outcomes.length ? 0 : 1;
}

function late(): CodedError {
  return new CodedError('DEADLINE_EXCEEDED', 'the API server has not answered in time: try again');
}

function questionOf(flags: CheckConfig): Question {
  const missing = (['connector', 'as', 'request'] as const).filter((name) => flags[name] === '');
  if (missing.length > 0) {
    throw new UsageError(missing.map((name) => `--${name} ${checkFlags[name].value ?? ''} is required`).join('; '));
  }
  if ((flags.pod === '') !== (flags['pod-uid'] === '')) throw new UsageError('--pod and --pod-uid belong together');
  const pod = flags.pod === '' ? undefined : named('--pod', flags.pod, () => parsePod(flags.pod, flags['pod-uid']));
  const client = named('--as', flags.as, () => parseAskedClient(flags.as, pod));
  return {
    client,
    connectors: named('--connector', flags.connector, () => parseAskedConnectors(flags.connector, client)),
    request: named('--request', flags.request, () => parseAskedRequest(wordsOf(flags.request))),
    needsCredential: true,
  };
}

function expectationsOf(flags: CheckConfig): readonly Expectation[] {
  for (const name of ['connector', 'as', 'request', 'pod', 'pod-uid'] as const) {
    if (flags[name] !== '') throw new UsageError(`--${name} is in each line of --file: leave it out`);
  }
  let text: string;
  try {
    text = readFileSync(flags.file, 'utf8');
  } catch (error) {
    throw new CodedError('FAILED_PRECONDITION', `--file ${flags.file} cannot be read`, { cause: error });
  }
  return parseExpectations(text, flags.file);
}

/** Returns the configuration of the proxy: that of the running one, with the flags that are given here. */
function configOf(flags: CheckConfig, env: CommandContext['env']): ProxyConfig {
  const running = parseProxyConfig(runningArguments('proxy'), env);
  const { kubeconfig, namespace, 'unmatched-hosts': unmatchedHosts } = flags;
  return {
    ...running,
    ...(kubeconfig === '' ? {} : { kubeconfig }),
    ...(namespace === '' ? {} : { namespace }),
    ...(unmatchedHosts === '' ? {} : { 'unmatched-hosts': unmatchedHosts }),
  };
}

export interface OpenSources {
  readonly sources: DecisionSources;
  /** About fields of manifests that have no effect. */
  readonly warnings: readonly string[];
  readonly close: () => void;
}

/** Opens a directory of manifests. @throws {CodedError} if a file cannot be read: a rule in it would not count. */
export function openManifests(directory: string, namespace: string): OpenSources {
  const { sources, directory: source } = manifestSources(directory, namespace, silentLog);
  const warnings = manifestWarnings(source.files());
  const problems = source.brokenFiles();
  if (problems.length > 0) throw new CodedError('FAILED_PRECONDITION', problems.join('; '));
  return { sources, warnings, close: () => undefined };
}

/** Opens the API server. Connectors and feature flags are read in the background. */
export function openCluster(
  cluster: ClusterConfig,
  config: Pick<ProxyConfig, 'namespace' | 'token-audience' | 'max-object-memory'>,
): OpenSources {
  const monotonicNow = (): number => performance.now();
  const { client, sources, flags, connectors } = kubernetesSources({
    cluster,
    timings: kubeTimings,
    userAgent: `connectors-csi/${version} check`,
    observer: noObserver,
    monotonicNow,
    namespace: config.namespace,
    audience: config['token-audience'],
    maxObjectBytes: config['max-object-memory'],
    // A table can expect more denials than a client of the proxy can cause at once.
    rateLimiter: new FailureRateLimiter({ ...proxyLimits.failedReviews, burst: Number.MAX_SAFE_INTEGER }, monotonicNow),
    threads: new ThreadShares(monotonicNow),
    log: silentLog,
  });
  flags.start();
  connectors.start();
  return {
    sources,
    warnings: [],
    close: () => {
      flags.stop();
      connectors.stop();
      client.close();
    },
  };
}
