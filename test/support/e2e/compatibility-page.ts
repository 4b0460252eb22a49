import { execFileSync } from 'node:child_process';
import { proofs } from './compatibility.ts';
import type { ActivatedProof, Proof } from './compatibility.ts';
import { refusedPrograms } from './refused-programs.ts';

const head = `# Compatibility

Most programs need only the line [\`activate\`](volumes.md#activate): \`. DIRECTORY/activate\` before them, or \`sh DIRECTORY/activate PROGRAM\`. A name in italics is the [configuration](classes.md#configurations) of the volume, as in \`configuration.names: pipconf\`. buildah, curl, git, oras, podman, skopeo and wget also work with \`.env\` and \`ca.crt\`. Each row is a test, on Debian 13, against a tool that requires TLS and a password, and that only the proxy can reach. TLS says whether a
row with \`activate\` also works with [TLS to the proxy](proxy.md#tls-between-pod-and-proxy), which is not the default. [Proxy modes](proxy.md#proxy-modes) explains the modes.
`;

/** In order, each program with `activate` first, and without those of `.env` for programs that have `activate`, which sets more. */
function sortedProofs(): readonly (Proof | ActivatedProof)[] {
  const all = Object.values<Proof | ActivatedProof>(proofs);
  const activated = new Set(all.filter((proof) => 'https' in proof).map(({ program }) => program));
  const nameOf = ({ program }: Proof): string => (/[a-z]+/i.exec(program)?.[0] ?? '').toLowerCase();
  const orderOf = (proof: Proof): number => ('https' in proof ? 0 : 1);
  return all
    .filter(({ program, files }) => !files.startsWith('`.env`') || !activated.has(program))
    .toSorted((one, other) => nameOf(one).localeCompare(nameOf(other)) || orderOf(one) - orderOf(other));
}

function httpsOf(proof: Proof | ActivatedProof): string {
  return 'https' in proof ? proof.https : '';
}

/** docs/compatibility.md. @param versions of its rows, those of this machine's programs unless given. */
export function compatibilityPage(versions?: readonly string[]): string {
  const cells = sortedProofs().map((proof, row) => [
    ...[proof.program, versions?.[row] ?? versionIn(proof.version), proof.files],
    ...[proof.mode, proof.does, httpsOf(proof)],
  ]);
  const columns = ['program', 'version', 'files used', 'mode', 'result', 'TLS'];
  return `${head}\n${tableOf(columns, cells)}\n\n${more}`;
}

const more = `## What some programs need

| program | needs | reason |
| --- | --- | --- |
| wget with GnuTLS, as in Debian | \`--ca-certificate="$SSL_CERT_FILE"\` | it reads no variable for certificates |
| BusyBox wget | URLs with \`http://\`, also of an HTTPS tool | it cannot tunnel, and verifies no certificate |
| \`fetch\` of Node before 22.21, and of 23 | a newer Node | it does not know \`NODE_USE_ENV_PROXY\` |
| Docker | another program: [ci](ci.md#docker-buildkit-and-kaniko) | the node's daemon does not see the volume |
| Maven before 3.9 | \`mvn -s "$CONNECTORS_DIR/settings.xml"\` | it does not read \`MAVEN_ARGS\` |
| Maven of Debian | \`commons-codec.jar\` in its \`lib\` | Debian leaves out what a password needs |
| Gradle | an [init script](volumes.md#activate) | Java has no option for user and password |
| Ant and other Java programs | user and password in their settings, such as \`<setproxy>\` | Java has no option for them |
| Java, for hosts that are not of a Connector | a trust store of their own | \`truststore.p12\` has the proxy's certificates only |
| Yarn 2 and later | \`npmRegistryServer\` in the project's \`.yarnrc.yml\` | it does not read \`.npmrc\` |
| Yarn 2 | a newer Yarn | it rejects \`YARN_HTTPS_CA_FILE_PATH\` |
| Go | \`GOPROXY\`, and a Connector of class \`http\` for it | no class sets it |
| cargo | \`sparse+URL\` instead of \`crates-io\`, class \`http\` | no class sets it |
| Deno, for npm packages | \`NPM_CONFIG_REGISTRY\` | it does not read \`npm_config_userconfig\` |
| glab at the proxy's own address | a copy of \`config.yml\` with mode 0600 | it takes no other |

For Go set \`GOPROXY\` to the Connector's address, and \`GOSUMDB=off\` if it has no checksum database. For cargo,
\`.cargo/config.toml\` has \`registry = "sparse+ADDRESS/"\`, with the final slash, in \`[source.company]\` and \`replace-with = "company"\` in \`[source.crates-io]\`.

\`aws\` (1.45) and \`az\` (2.74) reached played hosts after \`activate\`, also with TLS to the proxy: tried by hand. Not run were \`gcloud\`, which needs \`CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE="$SSL_CERT_FILE"\`, uv, which reads \`HTTPS_PROXY\` and \`SSL_CERT_FILE\`, and kaniko, a Go program as Helm is. Programs for SSH and gRPC do not work through the proxy. 

Next: [rules](rules.md), to allow only some requests.
`;

const words = { sentence: 'the sentence', reason: 'the reason', status: 'the status', nothing: 'nothing' } as const;

/** The cells of the table of rejected requests, in order. */
export function refusedRows(): readonly (readonly [program: string, atConnect: string, inTunnel: string])[] {
  return refusedPrograms.map(({ program, atConnect, inTunnel }) => [program, words[atConnect], words[inTunnel]]);
}

function tableOf(columns: readonly string[], rowsOf: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(columns), line(columns.map(() => '---')), ...rowsOf.map(line)].join('\n');
}

/** The first number with a dot that the command prints. */
function versionIn(command: string): string {
  const text = execFileSync('sh', ['-c', command], { encoding: 'utf8' });
  return /\d+(?:\.\d+)+/.exec(text)?.[0] ?? '';
}
