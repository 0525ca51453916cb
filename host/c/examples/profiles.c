/* Opens a host on a folder, makes a profile, and asks for the profiles that there are.
 *
 *   cc profiles.c -I../include -lvolary_c -o profiles && ./profiles FOLDER
 *
 * A program of some size takes a protobuf library (protobuf-c, nanopb, C++). This one writes the few bytes that it needs
 * itself, so that it can be compiled anywhere. */

#include <stdio.h>
#include <string.h>

#include "volary.h"

/* Numbers of fields, as in proto/proto/volary/v1/{embed,requests,answers}.proto. */
enum { FRAME_ID = 1, FRAME_REQUEST = 2, REQUEST_ADD_ACCOUNT = 17, REQUEST_GET_ALL_ACCOUNT_IDS = 20 };
enum { FROM_HOST_ANSWER = 1, FRAME_ANSWER_ID = 1, FRAME_ANSWER_OUTCOME = 2, OUTCOME_ANSWER = 1 };

/* Longest wait for an answer. */
enum { PATIENCE_MS = 60000 };

typedef struct {
  const uint8_t *at;
  size_t left;
} Bytes;

static size_t write_number(uint8_t *to, uint64_t value) {
  size_t count = 0;
  do {
    to[count++] = (uint8_t)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
    value >>= 7;
  } while (value);
  return count;
}

static int read_number(Bytes *from, uint64_t *value) {
  *value = 0;
  for (int shift = 0; shift < 64 && from->left; shift += 7) {
    uint8_t byte = *from->at++;
    from->left--;
    *value |= (uint64_t)(byte & 0x7f) << shift;
    if (!(byte & 0x80)) return 1;
  }
  return 0;
}

/* Reads the next field: a number, or the bytes of a message, text or list. */
static int read_field(Bytes *from, uint64_t *field, uint64_t *number, Bytes *inner) {
  uint64_t tag, length;
  if (!from->left || !read_number(from, &tag)) return 0;
  *field = tag >> 3;
  if ((tag & 7) == 0) return read_number(from, number);
  if ((tag & 7) != 2 || !read_number(from, &length) || length > from->left) return 0;
  inner->at = from->at;
  inner->left = (size_t)length;
  from->at += length;
  from->left -= (size_t)length;
  return 1;
}

/* Sends a request to the process that has no fields of its own. */
static int ask(uint64_t host, uint64_t id, uint64_t kind) {
  uint8_t request[16], frame[32];
  size_t request_length = write_number(request, kind << 3 | 2);
  request_length += write_number(request + request_length, 0);
  size_t length = write_number(frame, FRAME_ID << 3);
  length += write_number(frame + length, id);
  length += write_number(frame + length, FRAME_REQUEST << 3 | 2);
  length += write_number(frame + length, request_length);
  memcpy(frame + length, request, request_length);
  return volary_send(host, frame, length + request_length) == VOLARY_STATUS_OK;
}

/* Waits for the answer with a number and prints the ids in it. Events may come before it. */
static int print_ids(uint64_t host, uint64_t wanted) {
  for (;;) {
    uint8_t *frame;
    size_t length;
    if (volary_receive(host, PATIENCE_MS, &frame, &length) != VOLARY_STATUS_OK) return 0;
    Bytes bytes = {frame, length}, inner = {0}, outcome = {0}, answer = {0}, kind = {0}, ids = {0};
    uint64_t field = 0, number = 0, id = 0;
    int is_wanted = 0, has_worked = 0;
    if (read_field(&bytes, &field, &number, &inner) && field == FROM_HOST_ANSWER) {
      while (read_field(&inner, &field, &number, &outcome))
        if (field == FRAME_ANSWER_ID) id = number;
      is_wanted = id == wanted;
    }
    /* The outcome, the answer in it, what kind it is, and the list of numbers in that. */
    if (is_wanted && read_field(&outcome, &field, &number, &answer) && field == OUTCOME_ANSWER &&
        read_field(&answer, &field, &number, &kind)) {
      has_worked = 1;
      while (read_field(&kind, &field, &number, &ids)) {
        if (!ids.at) printf("profile %llu\n", (unsigned long long)number);
        while (read_number(&ids, &number)) printf("profile %llu\n", (unsigned long long)number);
      }
    }
    volary_free(frame, length);
    if (is_wanted) return has_worked;
  }
}

int main(int count, char **arguments) {
  if (count != 2) {
    fprintf(stderr, "usage: %s FOLDER\n", arguments[0]);
    return 2;
  }
  uint64_t host = volary_create(arguments[1]);
  if (!host) {
    fprintf(stderr, "%s\n", volary_error());
    return 1;
  }
  int worked = ask(host, 1, REQUEST_ADD_ACCOUNT) && print_ids(host, 1) &&
               ask(host, 2, REQUEST_GET_ALL_ACCOUNT_IDS) && print_ids(host, 2);
  if (!worked) fprintf(stderr, "%s\n", volary_error());
  volary_close(host);
  return worked ? 0 : 1;
}
