#!/bin/sh
# connectors-csi volume @mark@
#
# Makes programs use the Connectors proxy of this volume and trust its certificates:
#
#   . DIRECTORY/activate                in dash, busybox ash, bash, ksh, mksh and zsh
#   sh DIRECTORY/activate PROGRAM ...   for one program
#
# This file has no token: it reads the current one from the files next to it (docs/volumes.md, "activate").

# Prints NAME=VALUE for each variable to export and NAME for each one to unset. Exits with 10 if the file was run with a
# program. A subshell: its options, functions and variables end with it.
# Arguments: $0, BASH_SOURCE, ZSH_EVAL_CONTEXT and $# of the file.
_connectors_settings() (
  if [ -n "${ZSH_VERSION-}" ]; then emulate sh; fi
  set +e +u +C +f
  unalias -a
  unset IFS
  LC_ALL=C
  umask 077
  mark='# connectors-csi volume @mark@'
  newline='
'
  bundle_variables='SSL_CERT_FILE CURL_CA_BUNDLE REQUESTS_CA_BUNDLE PIP_CERT GIT_SSL_CAINFO CARGO_HTTP_CAINFO AWS_CA_BUNDLE'
  bundle_variables="$bundle_variables GIT_PROXY_SSL_CAINFO npm_config_cafile YARN_HTTPS_CA_FILE_PATH"
  ca_variables='NODE_EXTRA_CA_CERTS DENO_CERT'

  # Values can be secret. In mksh printf is a program, whose arguments all users of the machine can see.
  case $(command -v printf) in
    printf) print_line() { command printf '%s\n' "$1"; } ;;
    *) print_line() { print -r -- "$1"; } ;;
  esac
  warn() { print_line "connectors-csi: activate: $1" >&2; }
  fail() { warn "$1"; exit 1; }
  export_variable() { print_line "$1=$2"; }
  unset_variable() { print_line "$1"; }

  # Reports whether the directory is this volume, by the second line of this file.
  is_volume() {
    { read -r line && read -r line; } 2>/dev/null <"$1/activate" && [ "$line" = "$mark" ]
  }

  # Reports whether the file is in this volume. Sets directory.
  is_in_volume() {
    case $1 in
      '') return 1 ;;
      /*) directory=${1%/*} ;;
      */*) directory=$PWD/${1%/*} ;;
      *) directory=$PWD ;;
    esac
    is_volume "$directory"
  }

  # Sets directory to a path of /proc/self/mountinfo, where white space, # and \ are \NNN.
  unescape() {
    escaped=$1
    directory=${escaped%%\\*}
    while [ "$escaped" != "${escaped#*\\}" ]; do
      escaped=${escaped#*\\}
      case $escaped in
        011*) char='	' ;;
        012*) char=$newline ;;
        040*) char=' ' ;;
        043*) char='#' ;;
        *) char=\\ ;;
      esac
      escaped=${escaped#???}
      directory=$directory$char${escaped%%\\*}
    done
  }

  # Sets directory to that of this volume. bash, zsh and ksh know the sourced file; eval hides the expressions of zsh and
  # ksh from other shells. In those the volume is the mount with the mark.
  find_volume() {
    if is_in_volume "${CONNECTORS_DIR:+$CONNECTORS_DIR/activate}"; then previous=; return; fi
    is_in_volume "$2" && return
    is_in_volume "$(eval 'printf %s "${(%):-%x}"' 2>/dev/null)" && return
    is_in_volume "$(eval 'printf %s "${.sh.file}"' 2>/dev/null)" && return
    case ${1##*/} in activate) is_in_volume "$1" && return ;; esac
    while read -r id parent device root rest; do
      case $rest in *' - tmpfs connectors-csi '*) ;; *) continue ;; esac
      unescape "${rest%% *}"
      is_volume "$directory" && return
    done 2>/dev/null </proc/self/mountinfo
    fail 'cannot find the directory of the volume: set CONNECTORS_DIR to its mount path'
  }

  # Reports whether this file was run and not sourced. In shells that do not know, $0 is this file then.
  is_program() {
    case $3 in *file*) return 1 ;; esac
    if [ -n "$2" ]; then [ "$1" = "$2" ]; return; fi
    case ${1##*/} in activate) is_in_volume "$1" ;; *) false ;; esac
  }

  # Calls $2 with each variable of the *.environment files in the directory $1. They are data of a ConnectorClass: no
  # shell evaluates them. The driver has rejected names with which a value can run code.
  for_each_variable() {
    for file in "$1"/*.environment; do
      [ -f "$file" ] || continue
      while IFS= read -r line || [ -n "$line" ]; do
        case $line in '' | '#'*) continue ;; esac
        name=${line%%=*}
        case $name in
          '' | "$line" | [0-9]* | *[!A-Za-z0-9_]*) name= ;;
        esac
        if [ -z "$name" ]; then warn "$file: ignored a line without a permitted variable"; continue; fi
        value=${line#*=}
        target=$1
        case $value in
          ./*) target=$1/${value#./} value=$target ;;
          *=./*) target=$1/${value#*=./} value=${value%%=./*}=$target ;;
        esac
        if [ -e "$target" ]; then "$2" "$name" "$value"; fi
      done <"$file"
    done
  }

  print_proxy() {
    read -r http_proxy 2>/dev/null <"$volume/http.proxy"
    read -r https_proxy 2>/dev/null <"$volume/https.proxy"
    if [ -z "$http_proxy" ] || [ -z "$https_proxy" ]; then fail "$volume has no http.proxy or no https.proxy"; fi
    address=${http_proxy##*@}
    address=${address#*://} address=${address%%/*}
    # Parts of it go into other variables, where a space would begin an option.
    case $address in *[!]A-Za-z0-9._:[-]*) fail "$volume/http.proxy has no address of a proxy" ;; esac
    host=${address%:*}
    port=${address##*:}
    no_proxy='@noProxy@'
    no_proxy=${no_proxy:+$no_proxy,}$host # Some configurations use the proxy's own address as a server.
    print_line "http_proxy=$http_proxy"
    print_line "HTTP_PROXY=$http_proxy"
    print_line "https_proxy=$https_proxy"
    print_line "HTTPS_PROXY=$https_proxy"
    print_line "YARN_HTTP_PROXY=$http_proxy"
    print_line "YARN_HTTPS_PROXY=$https_proxy"
    print_line "no_proxy=$no_proxy"
    print_line "NO_PROXY=$no_proxy"
    print_line 'NODE_USE_ENV_PROXY=1'
  }

  is_own_bundle() {
    case $1 in */connectors-csi-*/*.pem | "$volume/ca.crt" | "${previous:-$volume}/ca.crt") ;; *) false ;; esac
  }

  # Sets system to the certificates that the container trusts: its SSL_CERT_FILE, else those of Debian, Red Hat, SUSE or
  # Alpine.
  find_system() {
    system=${SSL_CERT_FILE-}
    if [ -z "$system" ] || is_own_bundle "$system"; then system=${CONNECTORS_SYSTEM_CA-}; fi
    for system in "$system" /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt \
      /etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem /etc/ssl/ca-bundle.pem /etc/ssl/cert.pem; do
      if [ -f "$system" ] && [ -r "$system" ] && [ -s "$system" ]; then return; fi
    done
    system=
  }

  print_bundle() { command cat "$system" && echo && command cat "$volume/ca.crt"; }
  print_sum() { command sha256sum || command cksum; }

  # Sets bundle to a file with the certificates of the container and of the proxy. In a container that is read-only,
  # /dev/shm can still be written to.
  write_bundle() {
    for folder in "${TMPDIR:-/tmp}" /dev/shm; do
      case $folder in /*) ;; *) folder=$PWD/$folder ;; esac
      write_bundle_in "$folder/connectors-csi-$(command id -u)" && return
    done
    return 1
  }

  # Other users can write to /tmp: the folder must be of this user, and the file gets its name when it is complete.
  write_bundle_in() {
    folder=$1
    command mkdir -m 700 "$folder" 2>/dev/null
    if [ -d "$folder" ] && [ ! -h "$folder" ] && [ -O "$folder" ]; then :; else return 1; fi
    sum=$(print_bundle | print_sum 2>/dev/null) || return 1
    bundle=$folder/@mark@-${sum%% *}.pem
    [ -f "$bundle" ] && return
    new=$(command mktemp "$folder/new.XXXXXX" 2>/dev/null) || return 1
    if { print_bundle >"$new"; } 2>/dev/null && [ "$(print_sum <"$new" 2>/dev/null)" = "$sum" ]; then
      command mv -f "$new" "$bundle"
    else
      command rm -f "$new"
      return 1
    fi
  }

  print_trust() {
    find_system
    if [ -s "$volume/ca.crt" ]; then
      if [ -z "$system" ]; then
        bundle=$volume/ca.crt
      elif ! write_bundle; then
        bundle=$volume/ca.crt
        warn "cannot write to ${TMPDIR:-/tmp} or /dev/shm: programs trust the proxy's certificates only, and fail for hosts that are not of a Connector; set TMPDIR to a folder of this user"
      fi
      for name in $bundle_variables; do print_line "$name=$bundle"; done
      for name in $ca_variables; do print_line "$name=$volume/ca.crt"; done
      print_line "CONNECTORS_SYSTEM_CA${system:+=$system}"
    elif is_own_bundle "${SSL_CERT_FILE-}"; then
      for name in $bundle_variables $ca_variables CONNECTORS_SYSTEM_CA; do print_line "$name"; done
      print_line "SSL_CERT_FILE${system:+=$system}"
    fi
  }

  # Java has options for the proxy's address, but none for its password.
  print_java() {
    begin=-Dconnectors.activate=begin
    end=-Dconnectors.activate=end
    java=
    case $http_proxy in
      http://*)
        for name in http https; do java="$java -D$name.proxyHost=$host -D$name.proxyPort=$port"; done
        java="$java -Dhttp.nonProxyHosts=@nonProxyHosts@$host -Djdk.http.auth.tunneling.disabledSchemes="
        ;;
    esac
    store=$volume/truststore.p12
    if [ -f "$store" ]; then
      case $store in *' '*) store="'$store'" ;; esac
      java="$java -Djavax.net.ssl.trustStore=$store -Djavax.net.ssl.trustStoreType=PKCS12"
    fi
    java=${java:+$begin$java $end}

    other=${JAVA_TOOL_OPTIONS-}
    case $other in *"$begin"*"$end"*) other=${other%%"$begin"*}${other#*"$end"} ;; esac
    while [ "$other" != "${other#*"$newline"}" ]; do other="${other%%"$newline"*} ${other#*"$newline"}"; done
    other=${other% }
    java=$other${java:+${other:+ }$java}
    print_line "JAVA_TOOL_OPTIONS${java:+=$java}"
  }

  previous=${CONNECTORS_DIR-}
  find_volume "$@"
  volume=$directory
  case $volume${TMPDIR-} in *"$newline"*) fail 'the path of the volume or TMPDIR has a line break' ;; esac
  if [ -n "$previous" ]; then
    warn "$volume replaces $previous"
    for_each_variable "$previous" unset_variable
  fi
  print_line "CONNECTORS_DIR=$volume"
  print_proxy
  print_trust
  print_java
  for_each_variable "$volume" export_variable
  is_program "$@" || exit 0
  if [ "$4" -eq 0 ]; then fail "usage: . $volume/activate, or sh $volume/activate PROGRAM [ARGUMENT ...]"; fi
  exit 10
)

_connectors_options=$-
{ set +x; } 2>/dev/null # The values below have the token.
_connectors_newline='
'
_connectors_lines=$(_connectors_settings "$0" "${BASH_SOURCE-}" "${ZSH_EVAL_CONTEXT-}" "$#") && _connectors_status=0 ||
  _connectors_status=$?
case $_connectors_status in
  0 | 10) _connectors_lines=$_connectors_lines$_connectors_newline ;;
  *) _connectors_lines= ;;
esac
while [ -n "$_connectors_lines" ]; do
  _connectors_line=${_connectors_lines%%"$_connectors_newline"*}
  _connectors_lines=${_connectors_lines#*"$_connectors_newline"}
  case $_connectors_line in
    *=*)
      unset -v "${_connectors_line%%=*}" # Shells evaluate what is assigned to an integer or an array.
      export "$_connectors_line"
      ;;
    *) unset -v "$_connectors_line" ;;
  esac
done
unset -f _connectors_settings
unset _connectors_newline _connectors_lines _connectors_line
case $_connectors_options in *x*) set -x ;; esac
case $_connectors_status in
  0) unset _connectors_options _connectors_status ;;
  10)
    unset _connectors_options _connectors_status
    exec "$@"
    ;;
  *)
    unset _connectors_options _connectors_status
    false
    ;;
esac
