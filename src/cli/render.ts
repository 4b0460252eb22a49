import { isUtf8 } from 'node:buffer';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { serveFlags } from '../driver/config.ts';
import { describeFlags, flag, parseFlags, required, text, toggle } from '../shared/process/flags.ts';
import type { FlagValues } from '../shared/process/flags.ts';
import { DirectoryConnectors } from '../shared/connectors/directory-connectors.ts';
import { manifestWarnings } from '../shared/connectors/unknown-fields.ts';
import { runRenderJob } from '../driver/content/render-job.ts';
import { TemplateRenderer } from '../driver/content/template-renderer.ts';
import { renderVolumeContent } from '../driver/content/volume-content.ts';
import { planVolume } from '../driver/content/volume-plan.ts';
import { CodedError } from '../shared/errors.ts';
import { listed } from '../shared/message-text.ts';
import { silentLog } from '../shared/log.ts';
import { Secret } from '../shared/secret.ts';
import { paramsOf, parseVolumeAttributes } from '../driver/publish/attributes.ts';
import type { VolumeFile, PublishSlot } from '../driver/publish/ports.ts';
import type { Command } from '../shared/command/command.ts';
import { ProxyCaFile } from '../driver/proxy-ca-file.ts';

/** Replaces the token; valid in every format. */
const placeholderToken = 'TOKEN-PLACEHOLDER';

const renderFlags = {
  manifests: required('DIR', 'directory of YAML or JSON manifests: Connector, ConnectorClass', text),
  connectors: required('LIST', 'attribute "connectors" of the volume', text),
  namespace: flag('default', 'NAME', 'namespace of the pod', text),
  'configuration-names': flag('', 'LIST', 'attribute "configuration.names"', (written) => written),
  'configuration-params': flag('', 'JSON', 'attribute "configuration.params"', (written) => written),
  token: flag(placeholderToken, 'T', 'token to render with', text),
  out: flag('', 'DIR', 'write the files there instead of to standard output', (written) => written),
  strict: toggle('exit status 1 if there is a warning'),
  'proxy-url': { ...serveFlags['default-proxy-url'], help: 'proxy of Connectors without a status, for a trial' },
  'default-proxy-url': serveFlags['default-proxy-url'],
  'no-proxy': serveFlags['no-proxy'],
  'proxy-ca-file': serveFlags['proxy-ca-file'],
} as const;

type RenderConfig = FlagValues<typeof renderFlags>;

/**
 * `render`: shows the files that a pod would see, for authors of ConnectorClasses. It needs no mount and no cluster.
 */
export const render: Command = {
  usage: `Usage: connectors-csi render --manifests DIR --connectors LIST [flags]

Prints the files of a volume, or writes them into a directory. It reads Connectors and classes from a directory of
manifests.

  connectors-csi render --manifests . --connectors ci/harbor --configuration-names registry-config \\
    --proxy-url http://proxy.example

Flags:
${describeFlags(renderFlags)}
`,
  run: async ({ args, env, stdout, stderr, stopped }) => {
    const config = parseFlags(renderFlags, args, env);
    let warnings = 0;
    const warn = (warning: string): void => {
      warnings += 1;
      stderr(`warning: ${warning}\n`);
    };
    const files = await renderFiles(config, warn, stopped);
    if (config.out === '') stdout(files.map(asText).join(''));
    else writeFiles(config.out, files);
    return config.strict && warnings > 0 ? 1 : 0;
  },
};

async function renderFiles(
  config: RenderConfig,
  warn: (warning: string) => void,
  signal: AbortSignal,
): Promise<readonly VolumeFile[]> {
  const written = {
    connectors: config.connectors,
    'configuration.names': config['configuration-names'],
    'configuration.params': config['configuration-params'],
  };
  const limits = { maxTokenExpirationMs: Infinity };
  const { attributes, problems } = parseVolumeAttributes(written, config.namespace, limits);
  if (problems.length > 0) throw new CodedError('INVALID_ARGUMENT', problems.join('; '));
  const source = new DirectoryConnectors({
    directory: config.manifests,
    namespace: config.namespace,
    log: silentLog,
  });
  const slot: PublishSlot = { owner: { namespace: '', podUid: '' }, signal, releaseWhile: (wait) => wait() };
  const files = source.files();
  const broken = source.brokenFiles();
  if (broken.length > 0) throw new CodedError('FAILED_PRECONDITION', broken.join('; '));
  // A misspelt field can be why rendering fails.
  manifestWarnings(files).forEach(warn);
  const resolved = source.find(attributes.connectors);
  if (resolved instanceof CodedError) throw withNames(resolved, source.connectorNames());
  const caFile = config['proxy-ca-file'];
  const defaults = {
    noProxy: config['no-proxy'],
    audience: '',
    proxyUrl: config['default-proxy-url'],
    caBundle: caFile === undefined ? undefined : new ProxyCaFile(caFile, silentLog).read(),
  };
  const url = config['proxy-url'];
  const isPending = resolved.some(({ connector: { proxyAddress }, connectorClass }) => {
    return proxyAddress === undefined && connectorClass.proxy?.hasRef === true;
  });
  if (url === undefined && isPending) warn('a Connector has no status: set --proxy-url for a trial');
  const tried = resolved.map(({ connector, connectorClass }) => ({
    connector: url === undefined ? connector : { proxyAddress: { url }, ...connector },
    connectorClass,
  }));
  const plan = planVolume(tried, attributes.includedConfigurations, defaults);
  const rendered = await renderVolumeContent(
    {
      ...attributes,
      configurationParams: paramsOf(attributes),
      volumeId: `render ${config.connectors}`,
      plan,
      tokenFor: () => new Secret(config.token),
    },
    defaults,
    new TemplateRenderer({
      clock: () => Date.now(),
      cpuMs: () => 0,
      renderInThread: (job) => Promise.resolve(runRenderJob(job)),
    }),
    slot,
  );
  rendered.warnings.forEach(warn);
  return rendered.files;
}

/** Adds the Connectors of the manifests to a not-found error: often --namespace is missing. */
function withNames(error: CodedError, names: readonly string[]): CodedError {
  if (error.code !== 'NOT_FOUND') return error;
  const there = names.length === 0 ? 'no Connector' : listed(names);
  return new CodedError('NOT_FOUND', `${error.message}; --manifests has ${there}`);
}

function asText({ name, content }: VolumeFile): string {
  const text = isUtf8(content) ? Buffer.from(content).toString() : `(${content.length} bytes)`;
  const lines = text.split('\n').length - 1;
  const body = name === 'activate' && lines > 100 ? `(${lines} lines, which --out DIR writes)` : text;
  return `==> ${name}\n${body}${body === '' || body.endsWith('\n') ? '' : '\n'}`;
}

function writeFiles(directory: string, files: readonly VolumeFile[]): void {
  try {
    mkdirSync(directory, { recursive: true });
    for (const { name, content } of files) {
      const file = path.join(directory, name);
      // The files can contain a real token. An existing file would keep its mode, and a link would lead elsewhere.
      rmSync(file, { force: true });
      writeFileSync(file, content, { mode: 0o600, flag: 'wx' });
    }
  } catch (error) {
    throw new CodedError('FAILED_PRECONDITION', `--out ${directory} cannot be written`, { cause: error });
  }
}
