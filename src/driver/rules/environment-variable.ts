/**
 * Variables that a configuration must not set, because their value can run code, or breaks the shell or the loader. The
 * last groups are those that `activate` sets itself. A `*` at the end matches the rest of a name.
 */
export const deniedVariables: readonly string[] = [
  // Shells. zsh ties the lower-case ones to its own.
  'PATH IFS ENV BASH* SHELL SHELLOPTS PS1 PS2 PS3 PS4 PROMPT* CDPATH FPATH _ ZDOTDIR FCEDIT HOME',
  'TMPDIR PWD OLDPWD UID EUID GID EGID PPID USERNAME TMOUT OPTIND SECONDS RANDOM LINENO COLUMNS',
  'LINES HIST* path cdpath fpath module_path prompt argv status options aliases functions commands',
  // The loader and libraries.
  'LD_* DYLD_* GCONV_PATH GLIBC_TUNABLES OPENSSL_* SSLKEYLOGFILE',
  // Runtimes and compilers.
  'NODE_* DENO_* PYTHON* PERL* RUBY* GEM_* BUNDLE_* PHP* CLASSPATH JAVA_* _JAVA_OPTIONS',
  'JDK_JAVA_OPTIONS MAVEN_OPTS GRADLE_OPTS ANT_OPTS DOTNET_* CORECLR_* GOFLAGS GOROOT CGO_* CC CXX',
  'MAKE* RUSTC* RUSTFLAGS CARGO_BUILD_* CARGO_TARGET_*',
  // Programs that start another one.
  'EDITOR VISUAL PAGER BROWSER MANPAGER LESS* SSH_* GH_PAGER GH_EDITOR GH_BROWSER GIT_SSH*',
  'GIT_EXEC_PATH GIT_EXTERNAL_DIFF GIT_PAGER* GIT_EDITOR GIT_SEQUENCE_EDITOR GIT_ASKPASS',
  'GIT_PROXY_COMMAND GIT_TEMPLATE_DIR GIT_DIR GIT_CONFIG_COUNT GIT_CONFIG_KEY_* GIT_CONFIG_VALUE_*',
  'GIT_CONFIG_PARAMETERS npm_config_script_shell npm_config_shell npm_config_node_options',
  'npm_config_git',
  // Those of `activate`.
  'http_proxy HTTP_PROXY https_proxy HTTPS_PROXY no_proxy NO_PROXY SSL_CERT_FILE CURL_CA_BUNDLE',
  'REQUESTS_CA_BUNDLE PIP_CERT GIT_SSL_CAINFO CARGO_HTTP_CAINFO AWS_CA_BUNDLE CONNECTORS_*',
  '_connectors_*',
].flatMap((names) => names.split(' '));

const denied = new RegExp(`^(?:${deniedVariables.map((name) => name.replace(/\*$/, '.*')).join('|')})$`);

/** Returns the problem of the name of a variable in a configuration; undefined if there is none. */
export function variableProblem(name: string): string | undefined {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name))
    return 'a name has letters, digits and "_", and does not begin with a digit';
  if (denied.test(name)) return 'its value could run code in the pod, or "activate" sets it';
  return undefined;
}
