import path from 'node:path';
import { parseObjects } from '../../../connectors/manifest-file.js';
import type { JsonObject } from '../../../json.js';
import { isJsonObject, jsonMember } from '../../../json.js';
import type { CheckResult } from '../check-result.js';
import { fail, ok, reasonOf, warn } from '../check-result.js';
import type { HostRoot, NodeProcess } from './host-root.js';

/** Where the kubelet finds providers; undefined if it is not told. */
export interface ProviderPaths {
  readonly configPath: string | undefined;
  readonly binDir: string | undefined;
}

const configFlag = 'image-credential-provider-config';
const binDirFlag = 'image-credential-provider-bin-dir';
const featureGate = 'KubeletServiceAccountTokenForCredentialProviders';

/**
 * Checks the flags of the running kubelet, and that it passes tokens to providers.
 * @param assumed paths for a kubelet whose command line cannot be read.
 */
export function checkKubelet(
  root: HostRoot,
  processes: readonly NodeProcess[],
  assumed: ProviderPaths,
): { readonly paths: ProviderPaths; readonly results: readonly CheckResult[] } {
  const check = 'kubelet';
  const kubelet = processes.find(({ words: [first = ''] }) => path.basename(first) === 'kubelet');
  if (kubelet === undefined) {
    const fix =
      'run doctor with "kubectl debug node/NAME --profile=sysadmin"; for k3s, give --provider-config and -dir';
    return { paths: assumed, results: [warn(check, 'its command line is not readable', fix)] };
  }
  const pathOf = (name: string): string | undefined => {
    const written = flagsOf(kubelet.words, name).at(-1) ?? '';
    return written === '' ? undefined : path.resolve('/', written);
  };
  const paths = { configPath: pathOf(configFlag), binDir: pathOf(binDirFlag) };
  const missing = [...(paths.configPath ? [] : [configFlag]), ...(paths.binDir ? [] : [binDirFlag])];
  const flags =
    missing.length === 0
      ? ok(check, `runs with --${configFlag} and --${binDirFlag}`)
      : fail(check, `runs without --${missing.join(' and --')}`, 'set both flags (docs/images.md), and restart it');
  return { paths, results: [flags, checkFeature(root, kubelet)] };
}

/** Returns the values of a flag in a command line, written `--name=value` or `--name value`. */
export function flagsOf(words: readonly string[], name: string): readonly string[] {
  return words.flatMap((word, at) => {
    const [, written, value] = /^--?([-\w]+)(?:=(.*))?$/s.exec(word) ?? [];
    return written === name ? [value ?? words[at + 1] ?? ''] : [];
  });
}

function checkFeature(root: HostRoot, { words, program = words[0] ?? '' }: NodeProcess): CheckResult {
  const check = 'feature';
  const [, version, minor] = /\bv?(1\.(\d+)\.\d+)/.exec(program) ?? [];
  const gate = gateIn(flagsOf(words, 'feature-gates')) ?? configuredGate(root, flagsOf(words, 'config').at(-1));
  if (gate === 'false') return fail(check, `feature gate ${featureGate} is off`, 'remove it from its configuration');
  if (version === undefined)
    return ok(check, 'version not readable; without the feature, a kubelet does not start with tokenAttributes');
  if (Number(minor) >= 34 || gate === 'true') return ok(check, `kubelet ${version} passes tokens to providers`);
  return fail(check, `kubelet ${version} passes no tokens to providers`, 'use Kubernetes 1.34 or later');
}

function gateIn(flags: readonly string[]): string | undefined {
  const gates = flags.flatMap((written) => written.split(',')).map((gate) => gate.split('='));
  return gates.findLast(([name]) => name === featureGate)?.[1];
}

function configuredGate(root: HostRoot, at: string | undefined): string | undefined {
  try {
    const found = at === undefined ? [] : objectsAt(root, path.resolve('/', at));
    const gate = jsonMember(jsonMember(found[0], 'featureGates'), featureGate);
    return typeof gate === 'boolean' ? String(gate) : undefined;
  } catch {
    return undefined;
  }
}

function objectsAt(root: HostRoot, at: string): readonly JsonObject[] {
  const file = root.read(at);
  if (file === undefined) throw new Error(`${at} does not exist`);
  return parseObjects(file.text);
}

export interface ExpectedProvider {
  readonly name: string;
  readonly registry: string;
  readonly audience: string;
}

/** Checks that the configuration of the kubelet has the provider, with a token for the proxy. */
export function checkProviderConfig(root: HostRoot, at: string, expected: ExpectedProvider): CheckResult {
  const check = 'provider';
  const fix = 'merge deploy/image-pulls/credential-provider-config.yaml into it, and restart the kubelet';
  try {
    const files = root.filesAt(at, (name) => /\.(?:json|ya?ml)$/.test(name));
    const configs = files.flatMap((file) => objectsAt(root, file));
    const problems = providerProblems(configs, expected);
    if (problems.length > 0) return fail(check, `${at}: ${problems.join('; ')}`, fix);
    return ok(check, `${at} has ${expected.name} for ${expected.registry}`);
  } catch (error) {
    return fail(check, `${at} cannot be used: ${reasonOf(error)}`, fix);
  }
}

/** Returns what is wrong with the provider in the documents of the configuration. */
export function providerProblems(
  configs: readonly JsonObject[],
  { name, registry, audience }: ExpectedProvider,
): readonly string[] {
  const providers = configs
    .filter((config) => config['kind'] === 'CredentialProviderConfig')
    .flatMap((config) => listIn(config, 'providers').filter((provider) => isJsonObject(provider)));
  const provider = providers.find((found) => found['name'] === name);
  if (provider === undefined) return [`no provider ${name} in a CredentialProviderConfig`];
  const attributes = jsonMember(provider, 'tokenAttributes');
  const wanted = (holder: JsonObject | undefined, key: string, value: string | boolean): readonly string[] =>
    holder?.[key] === value ? [] : [`${key} is not ${value}`];
  const images = listIn(provider, 'matchImages');
  return [
    ...wanted(provider, 'apiVersion', 'credentialprovider.kubelet.k8s.io/v1'),
    ...(images.some((pattern) => typeof pattern === 'string' && matches(pattern, registry))
      ? []
      : [`matchImages does not match ${registry}`]),
    ...((listIn(provider, 'args')[0] ?? 'connectors.local') === registry
      ? []
      : [`args does not begin with ${registry}`]),
    ...(isJsonObject(attributes)
      ? [
          ...wanted(attributes, 'serviceAccountTokenAudience', audience),
          ...wanted(attributes, 'cacheType', 'Token'),
          ...wanted(attributes, 'requireServiceAccount', true),
        ]
      : ['tokenAttributes is missing']),
  ];
}

function listIn(holder: JsonObject, key: string): readonly (JsonObject | string | undefined)[] {
  const found = holder[key];
  if (!Array.isArray(found)) return [];
  return (found as readonly unknown[]).map((item) => item as JsonObject | string);
}

/** As the kubelet: each label of the host is a pattern, `*` stays within it, and a port must be the same. */
function matches(pattern: string, registry: string): boolean {
  const [host = ''] = pattern.replace(/^https?:\/\//, '').split('/');
  const expression = host
    .split('*')
    .map((part) => part.replaceAll(/[^\w-]/g, String.raw`\$&`))
    .join('[^.:]*');
  return new RegExp(`^${expression}$`).test(registry);
}
