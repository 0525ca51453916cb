// Finds the server of Volary and starts it, with the functions of @deltachat/stdio-rpc-server.
import { spawn } from "node:child_process";
import { statSync } from "node:fs";
import { createRequire } from "node:module";
import { StdioDeltaChat } from "@deltachat/jsonrpc-client";

const VARIABLE = "DELTA_CHAT_RPC_SERVER";
const NAME_ON_PATH = "deltachat-rpc-server";

export function getRPCServerPath({ takeVersionFromPATH = false, disableEnvPath = false } = {}) {
  const named = disableEnvPath ? undefined : process.env[VARIABLE];
  if (named) {
    if (!statSync(named, { throwIfNoEntry: false })?.isFile()) {
      throw new Error(`${VARIABLE} does not name a program: ${named}`);
    }
    return named;
  }
  if (takeVersionFromPATH) {
    return NAME_ON_PATH;
  }
  const platform = `volary-rpc-server-${process.platform}-${process.arch}`;
  try {
    return createRequire(import.meta.url).resolve(platform);
  } catch {
    throw new Error(`the package ${platform} is not installed; ${VARIABLE} can name a server instead`);
  }
}

export class DeltaChatOverJsonRpc extends StdioDeltaChat {
  constructor(directory, { muteStdErr = false, ...search } = {}) {
    const program = getRPCServerPath(search);
    const server = spawn(program, {
      env: { ...process.env, DC_ACCOUNTS_PATH: directory },
      stdio: ["pipe", "pipe", muteStdErr ? "ignore" : "inherit"],
    });
    super(server.stdin, server.stdout, true);
    this.pathToServerBinary = program;
    let closing = false;
    this.close = () => {
      closing = true;
      server.kill();
    };
    // Nobody would ever answer the calls that wait: the program that made them has to end, or to be told.
    server.on("error", (error) => {
      throw new Error(`${program} cannot be started: ${error.message}`);
    });
    server.on("exit", (code, signal) => {
      if (!closing) {
        throw new Error(`${program} has ended (${signal ?? code})`);
      }
    });
  }
}

export function startDeltaChat(directory, options = {}) {
  return new DeltaChatOverJsonRpc(directory, options);
}
