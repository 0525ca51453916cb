import { StdioDeltaChat } from "@deltachat/jsonrpc-client";

export interface SearchOptions {
  /** The server is the `deltachat-rpc-server` that is first on PATH. */
  takeVersionFromPATH: boolean;
  /** The environment variable DELTA_CHAT_RPC_SERVER does not count. */
  disableEnvPath: boolean;
}

export interface StartOptions {
  /** What the server logs is not shown. */
  muteStdErr: boolean;
}

/** The program that `startDeltaChat` starts: that of DELTA_CHAT_RPC_SERVER, or of PATH, or of the package for this platform. */
export function getRPCServerPath(options?: Partial<SearchOptions>): string;

/** A server of its own, and the connection to it. */
export class DeltaChatOverJsonRpc extends StdioDeltaChat {
  constructor(directory: string, options?: Partial<SearchOptions & StartOptions>);
  readonly pathToServerBinary: string;
  /** Ends the server. */
  close(): void;
}

export type DeltaChatOverJsonRpcServer = DeltaChatOverJsonRpc;

/** Starts a server on a folder of profiles. */
export function startDeltaChat(
  directory: string,
  options?: Partial<SearchOptions & StartOptions>,
): DeltaChatOverJsonRpcServer;
