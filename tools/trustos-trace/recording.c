#include "recording.h"
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIRECTORIES_MAX 100000

void recording_start(struct recording *recording, const char *base)
{
    memset(recording, 0, sizeof *recording);
    recording->base = base;
    for (uint32_t i = 0; i < CTF_CPU_MAX; i++)
        recording->cpus[i].file = -1;
}

static bool cannot(struct recording *recording, const char *what)
{
    snprintf(recording->why, sizeof recording->why, "%.180s: %.70s", what, strerror(errno));
    return false;
}

/* ---- directories ---- */

/* The first is DIR itself or nothing, so that a script knows where it is; later ones take the next free number. */
static bool directory_make(struct recording *recording)
{
    do {
        free(recording->directory);
        recording->number++;
        int n = recording->number == 1 ? asprintf(&recording->directory, "%s", recording->base)
                                       : asprintf(&recording->directory, "%s.%u", recording->base, recording->number);
        if (n < 0)
            recording->directory = NULL;
        if (n < 0)
            return cannot(recording, recording->base);
        if (!mkdir(recording->directory, 0777))
            return true;
    } while (errno == EEXIST && recording->opened && recording->number < DIRECTORIES_MAX);
    if (errno == EEXIST && !rmdir(recording->directory) && !mkdir(recording->directory, 0777)) /* it was empty */
        return true;
    return cannot(recording, recording->directory);
}

static bool write_all(int file, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;
    while (size) {
        ssize_t n = write(file, at, size);
        if (n < 0 && errno != EINTR)
            return false;
        at += n > 0 ? n : 0;
        size -= n > 0 ? (size_t)n : 0;
    }
    return true;
}

static int file_make(struct recording *recording, const char *name, char path[4096])
{
    snprintf(path, 4096, "%s/%s", recording->directory, name);
    return open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
}

static bool directory_open(struct recording *recording, const struct ctf_stream *stream)
{
    char path[4096];
    if (!directory_make(recording)) {
        free(recording->directory);
        recording->directory = NULL;
        return false;
    }
    recording->opened++;
    int file = file_make(recording, "metadata", path);
    bool ok = file >= 0 && write_all(file, stream->text, stream->text_length);
    if (!ok)
        cannot(recording, path);
    if (file >= 0)
        close(file);
    return ok;
}

static void counts_add(struct recording_counts *sum, const struct recording_counts *more)
{
    sum->events += more->events;
    sum->packets += more->packets;
    sum->bytes += more->bytes;
    sum->lost_events += more->lost_events;
    sum->lost_packets += more->lost_packets;
    sum->lost_before += more->lost_before;
}

void recording_next_boot(struct recording *recording)
{
    for (uint32_t i = 0; i < CTF_CPU_MAX; i++) {
        if (recording->cpus[i].file >= 0)
            close(recording->cpus[i].file);
        recording->cpus[i] = (struct recording_cpu){.file = -1};
    }
    counts_add(&recording->total, &recording->counts);
    recording->counts = (struct recording_counts){0};
    free(recording->directory);
    recording->directory = NULL;
}

struct recording_counts recording_sum(const struct recording *recording)
{
    struct recording_counts sum = recording->total;
    counts_add(&sum, &recording->counts);
    return sum;
}

/* ---- packets ---- */

/* A packet that does not fit on the disk leaves nothing of itself behind: half of one spoils a file. */
static bool packet_write(struct recording *recording, const struct ctf_packet *packet)
{
    struct recording_cpu *cpu = &recording->cpus[packet->cpu];
    char name[32], path[4096];
    snprintf(name, sizeof name, "cpu%u", packet->cpu);
    if (cpu->file < 0)
        cpu->file = file_make(recording, name, path);
    if (cpu->file < 0)
        return cannot(recording, path);
    if (!write_all(cpu->file, packet->bytes, packet->size)) {
        cannot(recording, name);
        if (ftruncate(cpu->file, (off_t)cpu->bytes))
            cannot(recording, name);
        return false;
    }
    cpu->bytes += packet->size;
    recording->counts.packets++;
    recording->counts.bytes += packet->size;
    return true;
}

static enum ctf_result packet_count(const struct ctf_layout *layout, const struct ctf_packet *packet, uint64_t *events,
                                    struct ctf_error *error)
{
    struct ctf_cursor cursor;
    struct ctf_event event;
    enum ctf_result result;
    ctf_cursor_start(&cursor, layout, packet);
    for (*events = 0; (result = ctf_cursor_next(&cursor, &event, error)) == CTF_OK;)
        ++*events;
    return result;
}

enum ctf_result recording_packet(struct recording *recording, const struct ctf_stream *stream,
                                 const struct ctf_packet *packet, struct ctf_error *error)
{
    struct ctf_loss loss;
    uint64_t events;
    enum ctf_result result = packet_count(stream->layout, packet, &events, error);
    if (result == CTF_BROKEN)
        return result;
    result = ctf_order_check(&recording->cpus[packet->cpu].order, packet, &loss, error);
    if (result == CTF_END) { /* its number went back */
        recording_next_boot(recording);
        result = ctf_order_check(&recording->cpus[packet->cpu].order, packet, &loss, error);
    }
    if (result != CTF_OK)
        return result;
    if ((!recording->directory && !directory_open(recording, stream)) || !packet_write(recording, packet))
        return CTF_BROKEN;
    recording->counts.events += events;
    recording->counts.lost_packets += loss.packets;
    *(loss.before ? &recording->counts.lost_before : &recording->counts.lost_events) += loss.events;
    return CTF_OK;
}

/* ---- bytes as they come ---- */

uint8_t *receiver_room(struct receiver *receiver, size_t *room)
{
    if (receiver->room - receiver->used < 1 << 16) {
        size_t more = receiver->room ? receiver->room * 2 : 1 << 18;
        uint8_t *bytes = realloc(receiver->bytes, more);
        if (!bytes)
            return NULL;
        receiver->bytes = bytes;
        receiver->room = more;
    }
    *room = receiver->room - receiver->used;
    return receiver->bytes + receiver->used;
}

enum ctf_result receiver_took(struct receiver *receiver, size_t size, struct ctf_error *error)
{
    size_t done = 0;
    enum ctf_result result;
    receiver->used += size;
    do {
        struct ctf_packet packet;
        enum ctf_frame frame;
        size_t taken;
        result = ctf_stream_next(&receiver->stream, receiver->bytes + done, receiver->used - done, &frame, &taken,
                                 &packet, error);
        done += taken;
        if (result == CTF_OK && frame == CTF_FRAME_PACKET)
            result = recording_packet(receiver->recording, &receiver->stream, &packet, error);
    } while (result == CTF_OK);
    memmove(receiver->bytes, receiver->bytes + done, receiver->used - done);
    receiver->used -= done;
    return result == CTF_END ? CTF_SHORT : result;
}

void receiver_reset(struct receiver *receiver)
{
    ctf_stream_free(&receiver->stream);
    free(receiver->bytes);
    *receiver = (struct receiver){.recording = receiver->recording};
}
