"""Name constraints of all kinds and the ways around them (RFC 5280 4.2.1.10); which certificate stands for whom."""

from ipaddress import ip_address, ip_network

import pytest

from pki import der, oids
from pki.errors import Malformed
from tests.verifier.path_world import (
    AT,
    Ca,
    alternative_names,
    directory,
    dns,
    email,
    extension,
    ip,
    name,
    name_constraints,
    other_name,
    uri,
)
from verifier.budget import Budget
from verifier.certificate import parse
from verifier.extensions import GeneralName
from verifier.host_names import NameKind, PeerName, is_host_name, is_mailbox, stands_for
from verifier.indication import Indication
from verifier.inputs import PathInputs
from verifier.path import PathFailure, ValidPath
from verifier.path_search import validate_path
from verifier.validator import Validator

ROOT, SUB, SUB2 = Ca("Root"), Ca("Sub"), Ca("Sub 2")


def network(text: str) -> bytes:
    found = ip_network(text)
    return ip(found.network_address.packed + found.netmask.packed)


def address(text: str) -> bytes:
    return ip(ip_address(text).packed)


def admits(
    *names: bytes,
    permitted: tuple[bytes, ...] = (),
    excluded: tuple[bytes, ...] = (),
    subject: bytes | None = None,
    critical: bool = True,
) -> bool:
    sub = ROOT.ca(SUB, name_constraints(permitted, excluded, critical))
    leaf = SUB.leaf(*([alternative_names(*names, critical=True)] if names else []), subject=subject or name())
    return isinstance(validate_path(parse(leaf), [parse(sub)], [ROOT.anchor()], AT), ValidPath)


DNS = [
    # name, permitted, excluded, admitted
    ("example.com", "example.com", None, True),
    ("a.b.example.com", "example.com", None, True),
    ("not-example.com", "example.com", None, False),
    ("example.com.evil.org", "example.com", None, False),
    ("EXAMPLE.Com", "example.com", None, True),
    ("example.com", "EXAMPLE.com", None, True),
    ("example.com", "www.example.com", None, False),
    ("example.com", "", None, True),
    ("example.com", None, "", False),
    ("example.com", None, "example.com", False),
    ("a.example.com", None, "example.com", False),
    ("A.EXAMPLE.COM", None, "example.com", False),
    ("notexample.com", None, "example.com", True),
    ("example.com", None, "a.example.com", True),
    ("example.com", "example.com", "example.com", False),
    # wildcards: what they may stand for counts
    ("*.example.com", "example.com", None, True),
    ("*.example.com", "foo.example.com", None, False),
    ("*.example.com", None, "bar.example.com", False),
    ("*.example.com", None, "a.bar.example.com", True),
    ("*.example.com", None, "example.org", True),
    ("*.com", "example.com", None, False),
    ("*.EXAMPLE.com", None, "Bar.example.COM", False),
    # names that cannot be read lie nowhere
    (".example.com", "example.com", None, False),
    ("example.com.", "example.com", None, False),
    ("example.com.", None, "example.com", False),
    ("exa mple.com", "com", None, False),
    ("foo_bar.example.com", "example.com", None, False),
    ("a.*.example.com", "example.com", None, False),
    ("", "example.com", None, False),
]


@pytest.mark.parametrize(("presented", "permitted", "excluded", "admitted"), DNS)
def test_hosts(presented: str, permitted: str | None, excluded: str | None, admitted: bool) -> None:
    found = admits(
        dns(presented),
        permitted=() if permitted is None else (dns(permitted),),
        excluded=() if excluded is None else (dns(excluded),),
    )
    assert found is admitted


@pytest.mark.parametrize("constraint", [".example.com", "*.example.com", "exa mple.com", "example.com.", "a..b"])
def test_constraints_on_hosts_that_cannot_be_read_refuse_the_path(constraint: str) -> None:
    assert not admits(dns("foo.example.com"), permitted=(dns(constraint),))
    assert not admits(dns("foo.example.org"), excluded=(dns(constraint),))
    # whether or not such a name occurs
    assert not admits(email("a@example.com"), permitted=(dns(constraint),))


ADDRESSES = [
    ("192.0.2.1", "192.0.2.0/24", None, True),
    ("192.0.3.1", "192.0.2.0/24", None, False),
    ("192.0.2.1", None, "192.0.2.0/24", False),
    ("::1", "::1/128", None, True),
    ("::1", None, "::1/128", False),
    ("2001:db8::1", "192.0.2.0/24", None, False),
    ("2001:db8::1", None, "192.0.2.0/24", True),
    ("::ffff:192.0.2.1", None, "192.0.2.0/24", False),
    ("192.0.2.1", None, "::ffff:192.0.2.0/120", False),
    # … but what is written in one family is not permitted by a range of the other
    ("::ffff:192.0.2.1", "192.0.2.0/24", None, False),
    ("192.0.2.1", "::ffff:192.0.2.0/120", None, False),
    ("::ffff:192.0.2.1", "::ffff:192.0.2.0/120", None, True),
    ("192.0.2.1", "0.0.0.0/0", None, True),
    ("192.0.2.1", None, "0.0.0.0/0", False),
]


@pytest.mark.parametrize(("presented", "permitted", "excluded", "admitted"), ADDRESSES)
def test_addresses(presented: str, permitted: str | None, excluded: str | None, admitted: bool) -> None:
    found = admits(
        address(presented),
        permitted=() if permitted is None else (network(permitted),),
        excluded=() if excluded is None else (network(excluded),),
    )
    assert found is admitted


@pytest.mark.parametrize(
    "octets", [bytes(4), bytes(16), bytes(7), bytes(4) + b"\xff\x00\xff\x00", bytes(16) + b"\x01" + bytes(15), b""]
)
def test_address_ranges_that_are_none_refuse_the_path(octets: bytes) -> None:
    assert not admits(address("192.0.2.1"), permitted=(ip(octets),))
    assert not admits(dns("example.com"), excluded=(ip(octets),))


def test_a_range_presented_as_an_address_lies_nowhere() -> None:
    assert not admits(network("192.0.2.0/24"), permitted=(network("192.0.2.0/24"),))


MAIL = [
    ("foo@example.com", "foo@example.com", None, True),
    ("bar@example.com", "foo@example.com", None, False),
    ("FOO@example.com", "foo@example.com", None, False),
    ("foo@EXAMPLE.com", "foo@example.COM", None, True),
    ("foo@example.com", "example.com", None, True),
    ("foo@a.example.com", "example.com", None, False),
    ("foo@a.example.com", ".example.com", None, True),
    ("foo@example.com", ".example.com", None, False),
    ("foo@example.com", None, "example.com", False),
    ("foo@a.example.com", None, "example.com", True),
    ("foo@a.example.com", None, ".example.com", False),
    # an asterisk is a letter like any other
    ("*@example.com", "*@example.com", None, True),
    ("user@example.com", "*@example.com", None, False),
    ("*@sub.example.com", "*@example.com", None, False),
    ("*@example.com", "**@example.com", None, False),
    ("user*@example.com", "user*@example.com", None, True),
    ("invalid@address@example.com", "example.com", None, False),
    ("example.com", "example.com", None, False),
]


@pytest.mark.parametrize(("presented", "permitted", "excluded", "admitted"), MAIL)
def test_mailboxes(presented: str, permitted: str | None, excluded: str | None, admitted: bool) -> None:
    found = admits(
        email(presented),
        permitted=() if permitted is None else (email(permitted),),
        excluded=() if excluded is None else (email(excluded),),
    )
    assert found is admitted


@pytest.mark.parametrize("constraint", ["invalid@invalid@example.com", "@example.com", "a b@example.com", ""])
def test_constraints_on_mailboxes_that_cannot_be_read(constraint: str) -> None:
    assert not admits(email("foo@example.com"), permitted=(email(constraint),))


def test_mailboxes_in_the_subject_are_constrained_too() -> None:
    subject = name((oids.EMAIL_ADDRESS, "foo@example.org"))
    assert not admits(permitted=(email("example.com"),), subject=subject)
    assert not admits(excluded=(email("example.org"),), subject=subject)
    assert admits(permitted=(email("example.org"),), subject=subject)


def test_mailboxes_beyond_ascii_are_constrained_like_others() -> None:
    def mailbox(text: str) -> bytes:
        return other_name("1.3.6.1.5.5.7.8.9", der.utf8(text))

    assert admits(mailbox("実印@example.com"), permitted=(email("example.com"),))
    assert not admits(mailbox("実印@example.org"), permitted=(email("example.com"),))
    assert not admits(mailbox("実印@example.org"), excluded=(email("example.org"),))
    assert not admits(mailbox("実印@例え.jp"), permitted=(email("example.com"),))
    assert not admits(mailbox("no mailbox"), permitted=(email("example.com"),))
    assert not admits(other_name("1.3.6.1.5.5.7.8.9", der.integer(1)), excluded=(email("example.org"),))


URIS = [
    ("https://example.com/x", "example.com", None, True),
    ("https://a.example.com/x", "example.com", None, False),
    ("https://a.example.com:8443/x", ".example.com", None, True),
    ("https://example.com/x", ".example.com", None, False),
    ("https://user@EXAMPLE.com#f", "example.com", None, True),
    ("https://example.com@evil.org/", "example.com", None, False),
    ("https://evil.org/?example.com", "example.com", None, False),
    ("https://192.0.2.1/", None, "example.com", False),
    ("https://[2001:db8::1]/", None, "example.com", False),
    ("urn:isbn:1", None, "example.com", False),
    ("mailto:a@example.com", "example.com", None, False),
    ("https://example.com/", None, "example.com", False),
]


@pytest.mark.parametrize(("presented", "permitted", "excluded", "admitted"), URIS)
def test_uris(presented: str, permitted: str | None, excluded: str | None, admitted: bool) -> None:
    found = admits(
        uri(presented),
        permitted=() if permitted is None else (uri(permitted),),
        excluded=() if excluded is None else (uri(excluded),),
    )
    assert found is admitted


class TestDirectoryNames:
    ORGANISATION = (oids.ORGANIZATION_NAME, "Example")

    def test_a_subtree_begins_with_its_name(self) -> None:
        permitted = (directory(name(self.ORGANISATION)),)
        assert admits(permitted=permitted, subject=name(self.ORGANISATION, "anybody"))
        assert admits(permitted=permitted, subject=name((oids.ORGANIZATION_NAME, "  EXAMPLE"), "anybody"))
        assert not admits(permitted=permitted, subject=name("anybody", self.ORGANISATION))
        assert not admits(permitted=permitted, subject=name((oids.ORGANIZATION_NAME, "Example 2"), "anybody"))

    def test_subject_and_alternative_names_both_count(self) -> None:
        inside, outside = name(self.ORGANISATION, "x"), name((oids.ORGANIZATION_NAME, "Other"), "x")
        permitted = (directory(name(self.ORGANISATION)),)
        assert admits(directory(inside), permitted=permitted, subject=inside)
        assert not admits(directory(inside), permitted=permitted, subject=outside)
        assert not admits(directory(outside), permitted=permitted, subject=inside)
        assert not admits(directory(outside), excluded=(directory(name(self.ORGANISATION)),), subject=inside)

    def test_an_empty_subject_lies_everywhere(self) -> None:
        assert admits(dns("a.example"), permitted=(directory(name(self.ORGANISATION)),))


def test_a_mailbox_beyond_ascii_is_an_other_name_too() -> None:
    mailbox, unlike = (other_name(f"1.3.6.1.5.5.7.8.9{more}", der.utf8("実印@example.com")) for more in ("", ".1"))
    some = other_name("1.3.6.1.4.1.32473.9", der.utf8("x"))
    assert admits(mailbox, permitted=(email("example.com"),))
    assert not admits(mailbox, permitted=(email("example.com"),), excluded=(some,))
    # another identifier, of which this one is only the beginning, is no mailbox
    assert admits(unlike, permitted=(email("example.org"),))


class TestKindsThatAreNotUnderstood:
    OTHER = other_name("1.3.6.1.4.1.32473.9", der.utf8("x"))
    REGISTERED = der.context(8, der.oid("1.3.6.1.4.1.32473.1")[2:], constructed=False)

    @pytest.mark.parametrize("kind", [OTHER, REGISTERED])
    def test_constrained_and_present_refuses(self, kind: bytes) -> None:
        assert not admits(kind, excluded=(kind,))
        assert not admits(kind, permitted=(kind,))

    @pytest.mark.parametrize("kind", [OTHER, REGISTERED])
    def test_constrained_and_absent_does_not(self, kind: bytes) -> None:
        assert admits(dns("example.com"), excluded=(kind,))


def test_one_kind_says_nothing_of_another() -> None:
    assert admits(dns("example.com"), permitted=(network("192.0.2.0/24"),))
    assert admits(dns("example.com"), excluded=(network("192.0.2.0/24"),))


def test_not_critical_constraints_bind_all_the_same() -> None:
    assert not admits(dns("example.org"), permitted=(dns("example.com"),), critical=False)


def test_minimum_and_maximum_are_not_used() -> None:
    for bound in (der.context(0, b"\x01", constructed=False), der.context(1, b"\x05", constructed=False)):
        subtree = der.sequence(dns("example.com"), bound)
        constraints = extension(oids.NAME_CONSTRAINTS, der.sequence(der.context(0, subtree)), True)
        sub = parse(ROOT.ca(SUB, constraints))
        leaf = parse(SUB.leaf(alternative_names(dns("example.com"))))
        assert isinstance(validate_path(leaf, [sub], [ROOT.anchor()], AT), PathFailure)


@pytest.mark.parametrize(
    "value", [der.null(), der.sequence(der.context(0)), der.sequence(der.context(0), der.context(1)), b"hello"]
)
def test_constraints_that_are_no_constraints(value: bytes) -> None:
    with pytest.raises(Malformed):
        parse(ROOT.ca(SUB, extension(oids.NAME_CONSTRAINTS, value, True)))


class TestOverThePath:
    def path(self, *chain: bytes, anchor: tuple[bytes, ...] = ()) -> bool:
        leaf, *above = map(parse, chain)
        return isinstance(validate_path(leaf, above, [ROOT.anchor(*anchor)], AT), ValidPath)

    def test_the_anchors_constraints_bind(self) -> None:
        only = name_constraints([dns("example.com")])
        good, bad = (alternative_names(dns(text)) for text in ("a.example.com", "example.org"))
        assert self.path(ROOT.leaf(good), anchor=(only,))
        assert not self.path(ROOT.leaf(bad), anchor=(only,))

    def test_later_constraints_only_narrow(self) -> None:
        foo, bar = dns("foo.example.com"), dns("bar.example.com")
        leaf = SUB2.leaf(alternative_names(foo))
        both, one = name_constraints([foo, bar]), name_constraints([bar])
        assert not self.path(leaf, SUB.ca(SUB2, one), ROOT.ca(SUB, both))
        assert not self.path(leaf, SUB.ca(SUB2, both), ROOT.ca(SUB, one))
        assert self.path(leaf, SUB.ca(SUB2, both), ROOT.ca(SUB, both))

    def test_names_of_cas_are_bound_as_well(self) -> None:
        forbidding = name_constraints(excluded=[dns("forbidden.example")])
        named = alternative_names(dns("forbidden.example"))
        assert not self.path(SUB2.leaf(), SUB.ca(SUB2, named), ROOT.ca(SUB, forbidding))
        assert not self.path(SUB2.leaf(), SUB.ca(SUB2, named), ROOT.ca(SUB), anchor=(forbidding,))

    def test_self_issued_ones_are_free_unless_they_are_last(self) -> None:
        renewed = Ca("Root, next key", ROOT.named)
        outside = alternative_names(dns("not-example.com"))
        only = (name_constraints([dns("example.com")]),)
        inside = alternative_names(dns("example.com"))
        assert self.path(renewed.leaf(inside), ROOT.ca(renewed, outside), anchor=only)
        assert not self.path(ROOT.ca(renewed, outside), anchor=only)


def test_very_many_names_and_constraints_end_in_indeterminate() -> None:
    hosts = [dns(f"t{number}.test") for number in range(2048)]
    constraint = name_constraints(hosts, [dns(f"x{number}.test") for number in range(2048)])
    leaf = ROOT.leaf(alternative_names(*hosts))
    found = validate_path(parse(leaf), [], [ROOT.anchor(constraint)], AT)
    assert isinstance(found, PathFailure)
    assert found.indication is Indication.INDETERMINATE
    assert "name comparisons" in found.reason
    small = Budget(name_comparisons=3)
    few = ROOT.leaf(alternative_names(*hosts[:4]))
    anchor = ROOT.anchor(name_constraints([dns("test")]))
    assert isinstance(validate_path(parse(few), [], [anchor], AT, PathInputs(), small), PathFailure)
    assert isinstance(validate_path(parse(few), [], [anchor], AT), ValidPath)


IDENTITY = [
    ("dns", "example.com", dns("example.com"), True),
    ("dns", "EXAMPLE.com.", dns("example.COM"), True),
    ("dns", "example2.com", dns("example.com"), False),
    ("dns", "abc.example.com", dns("example.com"), False),
    ("dns", "example.com", dns("abc.example.com"), False),
    ("dns", "foo.example.com", dns("*.example.com"), True),
    ("dns", "example.com", dns("*.example.com"), False),
    ("dns", "foo.bar.example.com", dns("*.example.com"), False),
    ("dns", "baz.example.com", dns("ba*.example.com"), False),
    ("dns", "baz.example.com", dns("*az.example.com"), False),
    ("dns", "foo.bar.example.com", dns("foo.*.example.com"), False),
    ("dns", "xn--bliss-1b3c148a.example.com", dns("xn--*-1b3c148a.example.com"), False),
    ("dns", "example.com", dns("*.com"), False),
    ("dns", "com", dns("*"), False),
    ("dns", "example.com", dns("*"), False),
    ("dns", "foo_bar.example.com", dns("foo_bar.example.com"), False),
    ("dns", "192.0.2.1", dns("192.0.2.1"), False),
    ("ip", "192.0.2.1", dns("192.0.2.1"), False),
    ("ip", "192.0.2.1", address("192.0.2.1"), True),
    ("ip", "192.0.2.2", address("192.0.2.1"), False),
    ("ip", "192.0.2.1", address("::ffff:192.0.2.1"), False),
    ("ip", "2001:DB8:0::1", address("2001:db8::1"), True),
    ("ip", "not an address", address("2001:db8::1"), False),
    ("ip", "127.1", address("127.0.0.1"), False),
    ("email", "a@example.com", email("a@EXAMPLE.com"), True),
    ("email", "A@example.com", email("a@example.com"), False),
    ("email", "b@example.com", email("a@example.com"), False),
    ("email", "example.com", email("example.com"), False),
    ("email", "a@example.com", dns("example.com"), False),
]


@pytest.mark.parametrize(("kind", "wanted", "presented", "stands"), IDENTITY)
def test_who_a_certificate_stands_for(kind: str, wanted: str, presented: bytes, stands: bool) -> None:
    leaf = parse(ROOT.leaf(alternative_names(presented)))
    assert stands_for(leaf.alternative_names, PeerName(NameKind(kind), wanted)) is stands


def test_the_common_name_is_never_asked() -> None:
    for leaf in (ROOT.leaf(label="example.com"), ROOT.leaf(alternative_names(dns("a.example")), label="example.com")):
        result = Validator([ROOT.anchor()]).validate(leaf, AT, name=PeerName(NameKind.DNS, "example.com"))
        assert result.indication is Indication.FAILED


def test_octets_beyond_ascii_are_no_host() -> None:
    presented = (GeneralName(2, "😜.example.com".encode()),)
    assert not stands_for(presented, PeerName(NameKind.DNS, "xn--628h.example.com"))


def test_what_is_a_host_and_what_a_mailbox() -> None:
    assert all(map(is_host_name, ["a-b.example", "localhost", "1.example"]))
    assert not any(map(is_host_name, ["", "a-.b", "-a.b", "a.", ".a", "a" * 64, "a." * 127 + "aa", "a\n"]))
    assert is_mailbox("first.last@example.com")
    assert not any(map(is_mailbox, ["@a", "a@", "a", ".a@b", "a.@b", "a@b@c", "a b@c", "a@b\n"]))
