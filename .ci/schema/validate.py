"""Validates SOAP messages against the schema of Cdiscount's service. Called by run, which explains it.

usage: validate.py CONTRACTS DUMP

Files are named <Operation>[.<case>].request.xml or .response.xml. What the SOAP body holds must be the element of that
operation and valid by the published types. A SOAP fault has no type there: of it the SOAP 1.1 shape is checked, and that a
fault was to be expected: its case, or the whole name, begins with "fault".
"""

import collections
import copy
import pathlib
import sys

from lxml import etree

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
DATA = "http://www.cdiscount.com"
CORE = "http://schemas.datacontract.org/2004/07/Cdiscount.Framework.Core.Communication.Messages"

# What the adapter calls. Each must be among the dumped requests and answers, else a test has lost its grip.
OPERATIONS = {
    "GetSellerInformation",
    "GetGlobalConfiguration",
    "GetOrderList",
    "GetProductListByIdentifier",
    "ValidateOrderList",
}


class Invalid(Exception):
    """A document that must not be."""


def soap(name):
    return f"{{{SOAP}}}{name}"


def body_of(envelope):
    """The one element of the body of a SOAP 1.1 envelope without anything else in it."""
    if envelope.tag != soap("Envelope"):
        raise Invalid(f"the root is {envelope.tag}, not a SOAP 1.1 envelope")
    parts = list(envelope.iterchildren(tag=etree.Element))
    if parts and parts[0].tag == soap("Header"):
        parts = parts[1:]
    if [p.tag for p in parts] != [soap("Body")]:
        raise Invalid("an envelope holds one body, behind one header at most")
    content = list(parts[0].iterchildren(tag=etree.Element))
    if len(content) != 1:
        raise Invalid(f"the body holds {len(content)} elements, not one")
    return content[0]


def check_fault(fault):
    """SOAP 1.1, section 4.4: the parts are not in a namespace, and a code is a qualified name."""
    names = [c.tag for c in fault.iterchildren(tag=etree.Element)]
    if names[:2] != ["faultcode", "faultstring"] or any(n not in ("faultactor", "detail") for n in names[2:]):
        raise Invalid(f"a fault does not hold {names}")
    prefix, colon, local = (fault[0].text or "").partition(":")
    if not colon or not local or prefix not in fault[0].nsmap:
        raise Invalid(f"the fault code {fault[0].text!r} has no known prefix")
    if not fault[1].text:
        raise Invalid("the fault string is empty")


def check(schema, name, root):
    """Raises Invalid unless the document with that file name is right."""
    operation, *case, kind, _ = name.split(".")
    if root.tag != soap("Envelope") and operation == "STS":
        content, wanted = root, None  # the token service does not speak SOAP; its element is a type of the schema all the same
    else:
        content, wanted = body_of(root), f"{{{DATA}}}{operation}{'Response' if kind == 'response' else ''}"
    expects_fault = operation == "fault" or any(c.startswith("fault") for c in case)
    if content.tag == soap("Fault"):
        if not expects_fault or kind != "response":
            raise Invalid("a fault that is not expected")
        check_fault(content)
        return
    if expects_fault:
        raise Invalid("no fault")
    if wanted and content.tag != wanted:
        raise Invalid(f"the body holds {content.tag}, not {wanted}")
    if kind == "request" and content.find(f"{{{DATA}}}headerMessage/{{{CORE}}}Security/{{{CORE}}}TokenId") is None:
        raise Invalid("no token: the schema would let it pass")
    if not schema.validate(content):
        first = schema.error_log[0]
        raise Invalid(f"line {first.line}: {first.message}")


def parse(data):
    # No entities, no network, nothing dropped: the document as it stands.
    return etree.fromstring(data, etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False))


def self_test(schema, examples):
    """Documents that are wrong on purpose. Each must be refused for its own reason, and its original must pass."""

    def swapped(root):
        e = body_of(root).find(f"{{{DATA}}}orderFilter")
        e.append(e[0])

    def wrong_state(root):
        next(root.iter(f"{{{DATA}}}OrderStateEnum")).text = "ShippedBySeller"

    def late_carrier(root):
        carrier = next(root.iter(f"{{{DATA}}}CarrierName"))
        carrier.getparent().append(carrier)

    def no_token(root):
        token = next(root.iter(f"{{{CORE}}}TokenId"))
        token.getparent().remove(token)

    def wrong_date(root):
        next(root.iter(f"{{{DATA}}}CreationDate")).text = "02/05/2019"

    def no_required_field(root):
        field = next(root.iter(f"{{{DATA}}}IsCLogistiqueOrder"))
        field.getparent().remove(field)

    def null_where_none_may_be(root):
        field = next(root.iter(f"{{{DATA}}}Quantity"))
        field.text = None
        field.set("{http://www.w3.org/2001/XMLSchema-instance}nil", "true")

    def other_namespace(root):
        next(root.iter(f"{{{DATA}}}OrderNumber")).tag = "OrderNumber"

    def two_bodies(root):
        root.append(copy.deepcopy(root[0]))

    def no_fault_string(root):
        body_of(root).remove(body_of(root)[1])

    def unknown_prefix(root):
        body_of(root)[0].text = "b:Server"

    def as_it_is(_):
        pass

    for original, name, break_it, reason in [
        ("GetOrderList.request.xml", None, swapped, "BeginCreationDate"),
        ("GetOrderList.request.xml", None, wrong_state, "ShippedBySeller"),
        ("GetOrderList.request.xml", None, no_token, "no token"),
        ("GetOrderList.request.xml", "ValidateOrderList.request.xml", as_it_is, "not {http://www.cdiscount.com}ValidateOrderList"),
        ("GetOrderList.request.xml", "GetOrderList.response.xml", as_it_is, "GetOrderListResponse"),
        ("ValidateOrderList.ship.request.xml", None, late_carrier, "CarrierName"),
        ("GetOrderList.response.xml", None, wrong_date, "02/05/2019"),
        ("GetOrderList.response.xml", None, no_required_field, "IsCLogistiqueOrder"),
        ("GetOrderList.response.xml", None, null_where_none_may_be, "nil"),
        ("GetOrderList.response.xml", None, other_namespace, "OrderNumber"),
        ("GetOrderList.response.xml", None, two_bodies, "one body"),
        ("GetOrderList.response.xml", "GetOrderList.fault.response.xml", as_it_is, "no fault"),
        ("fault.token-unknown.response.xml", None, no_fault_string, "does not hold"),
        ("fault.token-unknown.response.xml", None, unknown_prefix, "no known prefix"),
        ("fault.token-unknown.response.xml", "GetOrderList.response.xml", as_it_is, "not expected"),
    ]:
        root = parse((examples / original).read_bytes())
        check(schema, original, root)
        break_it(root)
        try:
            check(schema, name or original, root)
        except Invalid as err:
            if reason not in str(err):
                raise SystemExit(f"self-test: {break_it.__name__} in {original} was refused for another reason: {err}") from None
            continue
        raise SystemExit(f"self-test: {break_it.__name__} in {original} passed as {name or original}: the proof proves nothing")


def main(contracts, dump):
    schema = etree.XMLSchema(etree.parse(str(contracts / "cdiscount-wsdl" / "xsd0.xsd")))
    examples = contracts / "cdiscount-examples"
    self_test(schema, examples)

    failed = []
    counts = collections.Counter()
    seen = collections.defaultdict(set)
    for source, folder in ("examples", examples), ("dumped", dump):
        for path in sorted(folder.glob("*.xml")):
            kind = path.name.split(".")[-2]
            try:
                if kind not in ("request", "response"):
                    raise Invalid("the name is not <Operation>[.<case>].request.xml or .response.xml")
                check(schema, path.name, parse(path.read_bytes()))
            except (Invalid, etree.XMLSyntaxError) as err:
                failed.append(f"{source} {path.name}: {err}")
                continue
            counts[source, kind] += 1
            seen[source, kind].add(path.name.split(".")[0])
    for kind in "request", "response":
        for operation in sorted(OPERATIONS - seen["dumped", kind]):
            failed.append(f"no valid {kind} of {operation} was dumped")
    if not counts["examples", "request"] or not counts["examples", "response"]:
        failed.append(f"no examples in {examples}")

    for line in failed:
        print("INVALID", line, file=sys.stderr)
    print(
        f"{sum(counts.values())} documents valid: {counts['dumped', 'request']} requests of the adapter, "
        f"{counts['dumped', 'response']} answers of the sandbox, "
        f"{counts['examples', 'request'] + counts['examples', 'response']} examples of the contract"
        + (f"; {len(failed)} problems" if failed else "")
    )
    return 1 if failed else 0


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit("usage: validate.py CONTRACTS DUMP")
    sys.exit(main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])))
