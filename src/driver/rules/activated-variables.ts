/** Variables that `activate` sets in every volume. */
export const proxyVariables: readonly string[] = [
  ...['CONNECTORS_DIR', 'http_proxy', 'HTTP_PROXY', 'https_proxy', 'HTTPS_PROXY', 'no_proxy', 'NO_PROXY'],
  ...['YARN_HTTP_PROXY', 'YARN_HTTPS_PROXY', 'NODE_USE_ENV_PROXY', 'JAVA_TOOL_OPTIONS'],
];

/** Variables that `activate` sets in addition if the volume has `ca.crt`. */
export const trustVariables: readonly string[] = [
  ...['SSL_CERT_FILE', 'CURL_CA_BUNDLE', 'REQUESTS_CA_BUNDLE', 'PIP_CERT', 'GIT_SSL_CAINFO', 'CARGO_HTTP_CAINFO'],
  ...['GIT_PROXY_SSL_CAINFO', 'AWS_CA_BUNDLE', 'npm_config_cafile', 'YARN_HTTPS_CA_FILE_PATH'],
  ...['NODE_EXTRA_CA_CERTS', 'DENO_CERT'],
];

/** Shortens a list of variables that `activate` sets: `proxy` and `trust` for those above, then the names of others. */
export function variableGroups(variables: readonly string[]): readonly string[] {
  const groups = [
    ...(variables.some((name) => proxyVariables.includes(name)) ? ['proxy'] : []),
    ...(variables.some((name) => trustVariables.includes(name)) ? ['trust'] : []),
  ];
  return [...groups, ...variables.filter((name) => ![...proxyVariables, ...trustVariables].includes(name))];
}
