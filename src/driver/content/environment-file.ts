import { CodedError } from '../../shared/errors.ts';
import { fileNameProblem } from '../syntax/file-name.ts';

/**
 * Variables that a configuration must not set, because their value can run code, or breaks the shell or the loader. The
 * last groups are those that `activate` sets itself. `*` matches any text.
 */
const deniedVariables: readonly string[] = [
  // Shells. zsh ties some of the lower-case ones to its own, and others are its tables.
  'PATH IFS ENV BASH* SHELL SHELLOPTS PS[0-9] RPS[0-9] PROMPT* RPROMPT* SPROMPT CDPATH FPATH _ ZDOTDIR FCEDIT HOME',
  'TMPDIR PWD OLDPWD UID EUID GID EGID PPID USERNAME TMOUT OPTIND SECONDS RANDOM LINENO COLUMNS',
  'LINES HIST* SHLVL SRANDOM PIPESTATUS POSIXLY_CORRECT GLOBIGNORE EXECIGNORE INPUTRC PGRP USER_ID KSH*',
  'JOBMAX MAIL* ERRNO FUNCNEST SAVEHIST LISTMAX KEYTIMEOUT TTYIDLE ARGC TRY_BLOCK_* ZLE_* ZSH_*',
  'path cdpath fpath module_path prompt argv status options aliases functions* commands manpath mailpath',
  'psvar fignore signals pipestatus history* funcfiletrace funcsourcetrace functrace funcstack dis_*',
  'builtins galiases saliases STTY TIMEFMT WATCHFMT POSTEDIT PERIOD',
  'jobdirs jobstates jobtexts keymaps modules nameddirs parameters patchars reswords termcap terminfo',
  'userdirs usergroups widgets zsh_* histchars KEYBOARD_HACK NULLCMD READNULLCMD EXECSHELL',
  // The loader and libraries.
  'LD_* DYLD_* GCONV_PATH GLIBC_TUNABLES OPENSSL_* SSLKEYLOGFILE',
  // Runtimes.
  'NODE_* DENO_* BUN_* TS_NODE_* PYTHON* PERL* RUBY* GEM_* BUNDLE_* PHP* LUA_* CLASSPATH JAVA_*',
  '_JAVA_OPTIONS JAVACMD JRE_HOME JDK_JAVA* IBM_JAVA* OPENJ9_JAVA* DOTNET_* CORECLR_* COR_*',
  // Compilers and build tools.
  'CC CXX CPP FC LD AS AR CFLAGS CXXFLAGS CPPFLAGS FFLAGS LDFLAGS GCC_EXEC_PREFIX COMPILER_PATH',
  'PKG_CONFIG* CMAKE_* CCACHE_* MAKE* MSBUILD* TAR_OPTIONS',
  'GOFLAGS GOROOT GOTOOL* GOENV GOWORK GOAUTH GOCACHEPROG GCCGO CGO_*',
  'RUSTC* RUSTDOC* RUSTFLAGS RUSTUP_HOME RUSTUP_TOOLCHAIN CARGO CARGO_BUILD_* CARGO_TARGET_*',
  'CARGO_HOST_* CARGO_ENCODED_* CARGO_ALIAS_* CARGO_*CREDENTIAL_*',
  'MAVEN_OPTS MAVEN_DEBUG_* MAVEN_HOME M2_HOME MVNW_* GRADLE_* ANT_* SBT_OPTS SONAR_SCANNER_*OPTS',
  'UV_PYTHON* CLOUDSDK_PYTHON* PYTEST_* JRUBY_OPTS R_PROFILE* R_ENVIRON* ERL_*FLAGS ELIXIR_ERL_OPTIONS TF_CLI_ARGS*',
  'ANSIBLE_LIBRARY ANSIBLE_*_PLUGINS ANSIBLE_PYTHON_INTERPRETER',
  'NUGET_*PLUGIN* NUGET_CREDENTIALPROVIDERS_PATH PIP_PYTHON PIP_REQUIREMENT PIP_EDITABLE',
  // npm, pnpm and Yarn read names in any case. Of those of Yarn, a registry and its credential are permitted.
  ...['script_shell', 'shell', 'node_options', 'node_gyp', 'python', 'git', 'editor', 'viewer', 'browser']
    .concat('init_module', 'onload_script', 'pnpmfile', 'global_pnpmfile', 'yarn_path', 'call', 'package')
    .flatMap((name) => [`npm_config_${name}`, `NPM_CONFIG_${name.toUpperCase()}`]),
  'npm_*[A-Z]* NPM_*[a-z]* N[Pp]m_* Np[Mm]_* nP[Mm]_* npM_* [Pp][Nn][Pp][Mm]_*',
  'y[Aa][Rr][Nn]_* Ya[Rr][Nn]_* YAr[Nn]_* YARn_* YARN_[!N]* YARN_N[!P]* YARN_NP[!M]*',
  // Programs that start another one.
  'EDITOR VISUAL PAGER BROWSER MANPAGER LESS* SSH_* SUDO_ASKPASS RSYNC_RSH RSYNC_CONNECT_PROG WGETRC *_PAGER *_EDITOR',
  'HGEDITOR HGMERGE SVN_SSH CVS_RSH VIMINIT EXINIT FZF_DEFAULT_COMMAND',
  'GH_BROWSER GH_PATH KUBECTL_EXTERNAL_DIFF HELM_BIN HELM_PLUGINS CONTAINERS_CONF* CONTAINERS_STORAGE_CONF',
  'STORAGE_OPTS BUILDAH_RUNTIME GIT_SSH* GIT_EXEC_PATH GIT_EXTERNAL_DIFF GIT_ASKPASS GIT_PROXY_COMMAND',
  'GIT_ALLOW_PROTOCOL GIT_TEMPLATE_DIR GIT_DIR GIT_COMMON_DIR GIT_WORK_TREE GIT_CONFIG_COUNT',
  'GIT_CONFIG_KEY_* GIT_CONFIG_VALUE_* GIT_CONFIG_PARAMETERS',
  // Those of git that write to files, and can show the token.
  'GIT_TRACE* GIT_TR2* GIT_CURL_VERBOSE',
  // Those of `activate`.
  'http_proxy HTTP_PROXY https_proxy HTTPS_PROXY no_proxy NO_PROXY SSL_CERT_FILE CURL_CA_BUNDLE',
  'REQUESTS_CA_BUNDLE PIP_CERT GIT_SSL_CAINFO GIT_PROXY_SSL_CAINFO CARGO_HTTP_CAINFO AWS_CA_BUNDLE',
  'npm_config_cafile CONNECTORS_* _connectors_*',
].flatMap((names) => names.split(' '));

const denied = new RegExp(
  `^(?:${deniedVariables.map((pattern) => pattern.replaceAll('*', '.*').replaceAll('[!', '[^')).join('|')})$`,
);

/** Returns the problem of the name of a variable in a configuration; undefined if there is none. */
export function variableProblem(name: string): string | undefined {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name))
    return 'a name has letters, digits and "_", and does not begin with a digit';
  if (denied.test(name)) return 'its value could run code in the pod, or "activate" sets it';
  return undefined;
}

/** Reports whether `activate` exports the variables in the file. */
export function isEnvironmentFile(name: string): boolean {
  return name.endsWith('.environment');
}

/**
 * Checks a file of variables for `activate`: lines `VARIABLE=value`, `VARIABLE=./FILE` and `VARIABLE=OPTION=./FILE`.
 *
 * Values can come from a Connector, whose owner must not run code in pods that use it. So names must be written in the
 * template and occur once: a value with a line break cannot add a variable.
 * @param place beginning of the error: class, configuration and file.
 * @throws {CodedError} FAILED_PRECONDITION with the line and the fix.
 */
export function checkEnvironmentFile(content: Uint8Array, template: string, place: string): void {
  const inTemplate = new Set(template.match(/\b\w+(?==)/g));
  const seen = new Set<string>();
  for (const { number, line } of variableLines(content)) {
    const problem = lineProblem(line, inTemplate, seen);
    if (problem !== undefined) throw new CodedError('FAILED_PRECONDITION', `${place}: line ${number}: ${problem}`);
  }
}

function variableLines(content: Uint8Array): readonly { readonly number: number; readonly line: string }[] {
  return Buffer.from(content)
    .toString()
    .split('\n')
    .map((line, index) => ({ number: index + 1, line }))
    .filter(({ line }) => line !== '' && !line.startsWith('#'));
}

function lineProblem(line: string, inTemplate: ReadonlySet<string>, seen: Set<string>): string | undefined {
  const separator = line.indexOf('=');
  if (separator < 0) return 'a line is VARIABLE=value, VARIABLE=./FILE, empty, or a comment that begins with "#"';
  const name = line.slice(0, separator);
  const value = line.slice(separator + 1);
  const problem = variableProblem(name);
  if (problem !== undefined) return `variable ${JSON.stringify(name.slice(0, 100))} is not permitted: ${problem}`;
  if (!inTemplate.has(name))
    return `variable ${name} is not written in the template: write its name there, followed by "="`;
  if (seen.has(name)) return `variable ${name} is set twice: a value must not have a line break`;
  seen.add(name);
  // oxlint-disable-next-line no-control-regex -- these characters are what it looks for
  if (/[\x00-\x08\x0b-\x1f\x7f]/.test(value)) return `the value of ${name} has a control character: remove it`;
  const file = referencedFile(value);
  if (file !== undefined && file !== '' && fileNameProblem(file) !== undefined) {
    return `the value of ${name} must name a file of the volume after "./", or nothing for its directory`;
  }
  return undefined;
}

function referencedFile(value: string): string | undefined {
  return /^(?:.*?=)?\.\/(.*)$/.exec(value)?.[1];
}
