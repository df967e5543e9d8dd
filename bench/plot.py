"""Lines over two logarithmic axes, as SVG text."""
import math

WIDTH, HEIGHT = 720, 400
LEFT, RIGHT, TOP, BOTTOM = 70, 230, 40, 50
COLOURS = ("#1f77b4", "#d62728", "#2ca02c", "#ff7f0e", "#9467bd", "#8c564b", "#17becf")


def _decades(values):
    return math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))


def _label(power):
    return f"{10 ** power:,}" if power >= 0 else f"{10 ** power:g}"


def log_log(title, across, up, lines):
    """lines: {name: [(x, y), ...]}, all above zero."""
    x_low, x_high = _decades([x for line in lines.values() for x, _ in line])
    y_low, y_high = _decades([y for line in lines.values() for _, y in line])
    x_high, y_high = max(x_high, x_low + 1), max(y_high, y_low + 1)
    inner_width, inner_height = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def place(x, y):
        return (LEFT + (math.log10(x) - x_low) / (x_high - x_low) * inner_width,
                TOP + (y_high - math.log10(y)) / (y_high - y_low) * inner_height)

    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
           'font-family="sans-serif" font-size="12">',
           f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
           f'<text x="{LEFT}" y="22" font-size="15">{title}</text>']
    for power in range(x_low, x_high + 1):
        x, _ = place(10 ** power, 10 ** y_low)
        out.append(f'<path d="M{x:.1f} {TOP}V{TOP + inner_height}" stroke="#ddd"/>')
        out.append(f'<text x="{x:.1f}" y="{TOP + inner_height + 17}" '
                   f'text-anchor="middle">{_label(power)}</text>')
    for power in range(y_low, y_high + 1):
        _, y = place(10 ** x_low, 10 ** power)
        out.append(f'<path d="M{LEFT} {y:.1f}H{LEFT + inner_width}" stroke="#ddd"/>')
        out.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" '
                   f'text-anchor="end">{_label(power)}</text>')
    out.append(f'<text x="{LEFT + inner_width / 2}" y="{HEIGHT - 10}" '
               f'text-anchor="middle">{across}</text>')
    middle = TOP + inner_height / 2
    out.append(f'<text x="16" y="{middle}" text-anchor="middle" '
               f'transform="rotate(-90 16 {middle})">{up}</text>')
    for number, (name, line) in enumerate(lines.items()):
        colour = COLOURS[number % len(COLOURS)]
        dash = ' stroke-dasharray="5 3"' if "libbpf" in name else ""
        points = [place(x, y) for x, y in line]
        text = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        out.append(f'<polyline points="{text}" fill="none" stroke="{colour}" '
                   f'stroke-width="2"{dash}/>')
        out += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in points]
        y = TOP + 14 + 18 * number
        x = LEFT + inner_width + 14
        out.append(f'<path d="M{x} {y - 4}h22" stroke="{colour}" stroke-width="2"{dash}/>')
        out.append(f'<text x="{x + 28}" y="{y}">{name}</text>')
    return "\n".join([*out, "</svg>"]) + "\n"
