// Volary for C. A host is opened on a folder; frames go in and come out as bytes, which are messages of the schema
// (proto/proto/volary/v1/embed.proto). All functions can be called from any thread, at the same time. docs/embed.md tells
// how programs use them.
//
// Made from host/c/src/ffi.rs by host/c/header; do not edit.

#ifndef VOLARY_H
#define VOLARY_H

#include <stddef.h>
#include <stdint.h>

// What became of a call.
typedef enum VolaryStatus {
  // It was done.
  VOLARY_STATUS_OK = 0,
  // Nothing came in time.
  VOLARY_STATUS_TIMED_OUT = 1,
  // The host was closed, or there is no such host.
  VOLARY_STATUS_CLOSED = 2,
  // Too many answers wait to be received.
  VOLARY_STATUS_BUSY = 3,
  // A pointer is null, or the bytes are no frame.
  VOLARY_STATUS_INVALID = 4,
  // A fault of this library.
  VOLARY_STATUS_FAULT = 5,
} VolaryStatus;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// Opens a host on a folder, which is made if it does not exist. Returns its number, or 0: `volary_error` says why.
//
// # Safety
//
// `folder` is null or a text that ends with a zero byte.
uint64_t volary_create(const char *folder);

// Takes a frame, the bytes of a `volary.v1.FrameToHost`. They are copied. Never waits.
//
// # Safety
//
// `frame` points to `length` bytes, or is null.
enum VolaryStatus volary_send(uint64_t host, const uint8_t *frame, size_t length);

// Waits for a frame, the bytes of a `volary.v1.FrameFromHost`, at most so many milliseconds; 0 does not wait. The bytes
// belong to the caller until `volary_free`. Several threads may wait; each frame goes to one of them.
//
// # Safety
//
// `frame` and `length` point to where the two can be written, or are null.
enum VolaryStatus volary_receive(uint64_t host,
                                 uint32_t timeout_ms,
                                 uint8_t **frame,
                                 size_t *length);

// Gives back the bytes of a frame that was received. Null is allowed.
//
// # Safety
//
// `frame` and `length` are as `volary_receive` gave them, and are not used afterwards.
void volary_free(uint8_t *frame, size_t length);

// Ends all connections, makes everything durable and closes the folder. Threads that wait in `volary_receive` come back.
// Frames that were not received are lost.
enum VolaryStatus volary_close(uint64_t host);

// Why the last call of this thread failed; an empty text if it did not. Valid until the next call of this thread.
const char *volary_error(void);

// The version of this library, for people.
const char *volary_version(void);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* VOLARY_H */
