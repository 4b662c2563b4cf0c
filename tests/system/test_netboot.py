"""`make netboot`: machines that start from QEMU's own DHCP and TFTP server, by SeaBIOS with its iPXE ROM and by OVMF."""
import gzip
import json
import os
import re
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

from harness import BUILD, CONSOLE, ROOT, Boot, Machine, Skip, check, expect, need, test, wait_for

MAKE, DHCP = ROOT / "boot/netboot.sh", ROOT / "boot/dhcp.sh"
OURS, OTHER = "52:54:00:12:34:56", "52:54:00:99:99:99"  # the MAC of QEMU's first NIC, and another
BOOTFILES = {"net": "trustos.pxe", "net-uefi": "trustos.efi"}


def make(folder, machines="", **variables):
    """Runs boot/netboot.sh as `make netboot` does; returns the tree (there is none if it failed) and what it said."""
    need(BUILD / "kernel.elf", BUILD / "services.tar")
    tree, table = Path(folder, "netboot"), Path(folder, "machines")
    table.write_text(machines)
    done = subprocess.run([MAKE, BUILD / "kernel.elf", BUILD / "services.tar", tree], capture_output=True, text=True,
                          env={**os.environ, "BOOT": "", "MACHINES": str(table), **variables})
    check((done.returncode == 0) == tree.is_dir(), f"status {done.returncode}, and the tree says otherwise: {done.stderr}")
    return tree, done.stdout + done.stderr


@contextmanager
def made(machines="", **variables):
    with tempfile.TemporaryDirectory(prefix="trustos-netboot-") as folder:
        tree, said = make(folder, machines, **variables)
        check(tree.is_dir(), said)
        yield tree


def boot(tree, how="net", bootfile="", mac=OURS, card="virtio-net-pci"):
    return Boot(how=how, machine="q35" if how == "net-uefi" else "pc", nic=f"{card},mac={mac}",
                tftp=str(tree.parent), bootfile=f"{tree.name}/{bootfile or BOOTFILES[how]}", forwards=(CONSOLE,))


def wait_console(machine):
    """Looks at the serial port first: connections that QEMU takes long before the guest listens would only hold it up."""
    machine.wait_serial(rf"listening on port {CONSOLE}", 180)
    machine.wait_console()


def is_operator(machine, token):
    with machine.console() as session:
        return bool(re.search("you are operator", session.ask(f"login {token}"), re.I))


def starts_with_its_own_line(how):
    with made(f"{OTHER} token=others\n{OURS.upper()} token=mine-4711\n", BOOT="token=anyones") as tree:
        with Machine(boot(tree, how)) as machine:
            wait_console(machine)
            check(is_operator(machine, "mine-4711"), "the boot line of this machine's own file did not reach the system")
            check(not is_operator(machine, "anyones"), "another file's boot line reached it")


@test()
def a_machine_with_bios_starts_from_the_network_with_the_boot_line_of_its_mac():
    starts_with_its_own_line("net")


@test()
def a_machine_with_uefi_starts_from_the_network_with_the_boot_line_of_its_mac():
    starts_with_its_own_line("net-uefi")


def starts_on_a_card_that_the_firmware_used(card, how):
    with made() as tree:
        with Machine(boot(tree, how, card=card)) as machine:
            wait_console(machine)
            expect(r"^Driver +e1000$", machine.ask("network"))


@test()
def an_e1000_that_ipxe_used_starts_anew_for_netsrv():
    starts_on_a_card_that_the_firmware_used("e1000", "net")


@test()
def an_e1000e_that_uefi_used_starts_anew_for_netsrv():
    starts_on_a_card_that_the_firmware_used("e1000e", "net-uefi")


@test()
def the_ipxe_script_chains_and_a_machine_without_a_line_of_its_own_gets_the_default():
    with made(f"{OURS} token=mine-4711\n", BOOT="token=anyones") as tree:
        with Machine(boot(tree, bootfile="trustos.ipxe", mac=OTHER)) as machine:
            wait_console(machine)
            check(is_operator(machine, "anyones"), "the default boot line did not reach the system")
            check(not is_operator(machine, "mine-4711"), "another machine's boot line reached it")


def configure(tree, text):
    """What grub.cfg says from now on, before it goes on with trustos.cfg."""
    (tree / "grub.cfg").write_text(f"{text}\nset line=\nsource $prefix/trustos.cfg\n")


@test()
def a_missing_kernel_is_named_on_the_serial_port_and_tried_again_until_it_is_there():
    with made() as tree:
        configure(tree, "set pause=1")
        kernel = tree / "kernel.elf.gz"
        kernel.rename(tree / "away")
        with Machine(boot(tree)) as machine:
            machine.wait_serial(r"File not found\.\nTRustOs: cannot start kernel\.elf\.gz\n"
                                r"from \(tftp,10\.0\.2\.2\)/?netboot \(try 2\)\.")
            (tree / "away").rename(kernel)
            wait_console(machine)


@test()
def from_missing_services_escape_leads_to_grubs_prompt_and_after_the_last_try_the_machine_restarts():
    with made() as tree:
        configure(tree, "set pause=60")
        (tree / "services.tar.gz").unlink()
        with Machine(boot(tree)) as machine:
            machine.wait_serial(r"cannot start services\.tar\.gz\n.*\n.*Esc leaves")
            machine.monitor("sendkey esc")
            machine.wait_serial(r"grub> ")
            configure(tree, 'set pause=1\nset tries="first last"')
            for key in ("n", "o", "r", "m", "a", "l", "ret"):
                machine.monitor(f"sendkey {key}")
            wait_for(lambda: machine.process.poll() is not None, 120, "the restart, which ends QEMU here")
            expect(r"\(try last\)(.*\n)+TRustOs: giving up; the machine restarts", machine.serial())


@test()
def kernel_and_modules_of_a_netboot_are_under_2_mib_packed_and_unpack_to_what_was_built():
    with made() as tree:
        packed = [(tree / name).read_bytes() for name in ("kernel.elf.gz", "services.tar.gz")]
        check(sum(map(len, packed)) < 2 << 20, f"{sum(map(len, packed))} bytes")
        check(gzip.decompress(packed[1]) == (BUILD / "services.tar").read_bytes(), "other services")
        kernel = tree.parent / "kernel"
        subprocess.run(["strip", "-s", "-o", kernel, BUILD / "kernel.elf"], check=True)
        check(gzip.decompress(packed[0]) == kernel.read_bytes(), "another kernel")
        check(all(path.stat().st_mode & 0o004 for path in tree.iterdir()), "a TFTP server of no rights cannot read it")


@test()
def a_netboot_tree_gets_no_file_for_a_machine_or_line_that_is_not_understood():
    cases = {"line 2: 'one' is no MAC address": "# lab\none token=x\n",
             "'52:54:00:12:34' is no MAC": "52:54:00:12:34 log=debug",
             "line 2: .* is there twice": f"{OURS} a\n{OURS.replace(':', '-')} b",
             "line 1, .*: only letters, digits": f"{OURS} token=$prefix"}
    for pattern, machines in cases.items():
        with tempfile.TemporaryDirectory(prefix="trustos-netboot-") as folder:
            expect(pattern, make(folder, machines)[1], "what make netboot said")
    with tempfile.TemporaryDirectory(prefix="trustos-netboot-") as folder:
        expect("BOOT, .*: only letters", make(folder, BOOT='"; reboot')[1])
        expect("cannot be read", make(folder, MACHINES="/nowhere")[1])


def printed(tree, title):
    said = subprocess.run([DHCP, tree, "192.0.2.7"], capture_output=True, text=True, check=True).stdout
    return expect(rf"^---- {title}.*----\n((?:(?!----).*\n)+)", said)[1]


@test()
def the_printed_dhcp_lines_are_what_dnsmasq_and_kea_can_read_and_name_files_that_are_there():
    with made() as tree:
        kea = json.loads("{" + printed(tree, "Kea") + "}")["client-classes"]
        isc = printed(tree, "ISC dhcpd")
        lines = printed(tree, "dnsmasq")
        check({row["next-server"] for row in kea} == {"192.0.2.7"}, f"another server: {kea}")
        named = [row["boot-file-name"] for row in kea] + re.findall(r'filename "(.*)"', isc)
        named += re.findall(r"^dhcp-boot=.*,(.*)$", lines, re.M)
        check(sorted(named) == 3 * ["trustos.efi"] + 3 * ["trustos.pxe"], f"it names {named}")
        check(all((tree / name).stat().st_size > 100_000 for name in named), "a boot file is too small to be GRUB")
        if not shutil.which("dnsmasq"):
            raise Skip("no dnsmasq on this machine (apt-get install dnsmasq-base)")
        (tree.parent / "dnsmasq.conf").write_text(lines)
        done = subprocess.run(["dnsmasq", "--test", "-C", tree.parent / "dnsmasq.conf"], capture_output=True, text=True)
        check(done.returncode == 0, f"dnsmasq: {done.stderr}")
