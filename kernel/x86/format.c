/* A printf of the size that a kernel needs. Pure. */
#include "kernel/x86/log.h"

struct output {
    char *buffer;
    size_t size, length; /* length counts what did not fit, too */
};
struct spec {
    bool left, zeros;
    int width, precision; /* precision -1: none */
    int longs;
};

static void put(struct output *out, char c)
{
    if (out->length + 1 < out->size)
        out->buffer[out->length] = c;
    out->length++;
}

static void put_padded(struct output *out, const struct spec *spec, const char *text, int length)
{
    int pad = spec->width - length;
    char fill = spec->zeros && !spec->left ? '0' : ' ';
    if (fill == '0' && length && *text == '-') {
        put(out, *text++);
        length--;
    }
    for (; !spec->left && pad > 0; pad--)
        put(out, fill);
    for (int i = 0; i < length; i++)
        put(out, text[i]);
    for (; pad > 0; pad--)
        put(out, ' ');
}

static void put_number(struct output *out, const struct spec *spec, uint64_t value, unsigned base, bool negative)
{
    char digits[24];
    int at = sizeof(digits);
    do {
        digits[--at] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value);
    if (negative)
        digits[--at] = '-';
    put_padded(out, spec, digits + at, (int)sizeof(digits) - at);
}

static void put_string(struct output *out, const struct spec *spec, const char *text)
{
    int length = 0;
    text = text ? text : "(null)";
    while (length != spec->precision && text[length])
        length++;
    put_padded(out, spec, text, length);
}

static int parse_number(const char **format, __builtin_va_list *args)
{
    int n = 0;
    if (**format == '*') {
        (*format)++;
        return __builtin_va_arg(*args, int);
    }
    for (; **format >= '0' && **format <= '9'; (*format)++)
        n = n < 1000 ? n * 10 + **format - '0' : n;
    return n;
}

static const char *parse_spec(const char *format, struct spec *spec, __builtin_va_list *args)
{
    *spec = (struct spec){.precision = -1};
    for (; *format == '-' || *format == '0'; format++) {
        spec->left |= *format == '-';
        spec->zeros |= *format == '0';
    }
    spec->width = parse_number(&format, args);
    if (*format == '.') {
        format++;
        spec->precision = parse_number(&format, args);
    }
    for (; *format == 'l' || *format == 'z'; format++)
        spec->longs++;
    return format;
}

static uint64_t take_unsigned(const struct spec *spec, __builtin_va_list *args)
{
    return spec->longs ? __builtin_va_arg(*args, uint64_t) : __builtin_va_arg(*args, unsigned);
}

static void put_signed(struct output *out, const struct spec *spec, __builtin_va_list *args)
{
    int64_t value = spec->longs ? __builtin_va_arg(*args, int64_t) : __builtin_va_arg(*args, int);
    put_number(out, spec, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, 10, value < 0);
}

static void put_char(struct output *out, const struct spec *spec, char c)
{
    put_padded(out, spec, &c, 1);
}

static void put_pointer(struct output *out, struct spec *spec, const void *pointer)
{
    put(out, '0');
    put(out, 'x');
    spec->longs = 1;
    put_number(out, spec, (uint64_t)pointer, 16, false);
}

static void put_conversion(struct output *out, struct spec *spec, char conversion, __builtin_va_list *args)
{
    switch (conversion) {
    case 'd':
    case 'i': put_signed(out, spec, args); break;
    case 'u': put_number(out, spec, take_unsigned(spec, args), 10, false); break;
    case 'x': put_number(out, spec, take_unsigned(spec, args), 16, false); break;
    case 's': put_string(out, spec, __builtin_va_arg(*args, const char *)); break;
    case 'c': put_char(out, spec, (char)__builtin_va_arg(*args, int)); break;
    case 'p': put_pointer(out, spec, __builtin_va_arg(*args, void *)); break;
    default: put(out, conversion); break; /* %% among them */
    }
}

int kvsnprintf(char *buffer, size_t bytes, const char *format, __builtin_va_list arguments)
{
    struct output out = {.buffer = buffer, .size = bytes};
    __builtin_va_list args;
    __builtin_va_copy(args, arguments);
    for (; *format; format++) {
        struct spec spec;
        if (*format != '%') {
            put(&out, *format);
            continue;
        }
        format = parse_spec(format + 1, &spec, &args);
        if (!*format)
            break;
        put_conversion(&out, &spec, *format, &args);
    }
    __builtin_va_end(args);
    if (bytes)
        buffer[out.length < bytes ? out.length : bytes - 1] = 0;
    return (int)out.length;
}

int ksnprintf(char *buffer, size_t bytes, const char *format, ...)
{
    __builtin_va_list args;
    __builtin_va_start(args, format);
    int length = kvsnprintf(buffer, bytes, format, args);
    __builtin_va_end(args);
    return length;
}
